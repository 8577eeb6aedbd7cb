#!/usr/bin/env bash
# paths.sh REPOSITORY FILE...: whether every path of the repository that the Markdown files name in backticks or link to
# exists. A path has a slash, and begins with a folder of the repository or of src/; {a,b} and * stand for several.
set -euo pipefail
cd "${1:?expected the repository and files}"
shift
# Folders of a user's own, under the names that the texts give them.
users_own='^data/gsm8k'

exists() {
  local name
  for name in $(eval "printf '%s ' $1"); do  # braces; only letters, digits and ./_-*{,} get here
    compgen -G "$name" > /dev/null || compgen -G "src/$name" > /dev/null || return 1
  done
}
looks_like_ours() {
  [[ $1 =~ ^[A-Za-z0-9._][A-Za-z0-9._/{,}*-]*$ && $1 == */* && ! $1 =~ $users_own ]] || return 1
  [[ -e ${1%%/*} || -e src/${1%%/*} ]] && ! [[ $1 =~ ^(\.\.|build|runs)(/|$) ]]
}

count=0 missing=0
for file in "$@"; do
  while IFS=: read -r line name; do
    name=${name#\`} name=${name%\`}
    looks_like_ours "$name" || continue
    count=$((count + 1))
    exists "$name" || { echo "$file:$line: $name: no such file" >&2; missing=$((missing + 1)); }
  done < <(grep -noE '`[^` ]+`' "$file")
  while IFS=: read -r line link; do
    link=${link#](} link=${link%)}
    [[ -e $link ]] || { echo "$file:$line: $link: no such file" >&2; missing=$((missing + 1)); }
  done < <(grep -noE '\]\([^)#:]+\)' "$file" || true)
done
echo "$count paths, $missing missing"
((count > 0 && missing == 0))
