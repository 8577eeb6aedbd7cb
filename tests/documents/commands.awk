# The commands that a Markdown file shows, one a line: those of its ```sh blocks (continued lines joined), and those in
# backticks. Ends with 1 where a block does not say what it is: ```sh, or ```text for anything else.
function is_command(text) {
  return text ~ /^(modr|launch\/[a-z_\/]+|tests\/[a-z_\/]+\.sh|\.ci\/run|python|sbatch|time|build\/[a-z_\/]+|cmake|ctest|ninja) / \
    && text !~ /^(cmake|launch|tests)\/ /
}
/^```/ {
  if (kind != "") { kind = ""; next }
  kind = substr($0, 4)
  if (kind != "sh" && kind != "text") {
    printf "%s:%d: a block without sh or text behind its ```\n", FILENAME, FNR > "/dev/stderr"
    bad = 1
    kind = "text"
  }
  next
}
kind == "sh" {
  line = line $0
  if (sub(/\\$/, " ", line)) next
  if (line !~ /^ *(#|$)/) print line
  line = ""
}
kind == "" {
  for (rest = $0; match(rest, /`[^`]+`/); rest = substr(rest, RSTART + RLENGTH)) {
    code = substr(rest, RSTART + 1, RLENGTH - 2)
    gsub(/\\\|/, "|", code)  # in a table
    if (is_command(code)) print code
  }
}
END { exit bad }
