#!/usr/bin/env bash
# list_skips.sh BUILD_FOLDER: what the last ctest there skipped, with the reasons, and how many. ctest itself counts a
# program of many tests (those under mpirun) as passed when only some of them were skipped.
set -euo pipefail
log=${1:?expected the build folder}/Testing/Temporary/LastTest.log
[[ -e $log ]] || { echo "$log: no such file: did ctest run?" >&2; exit 1; }
awk '
  function found(reason) { printf "  %s%s: %s\n", name, (test == "" ? "" : " " test), reason; ++count }
  { gsub(/\033\[[0-9;]*m/, ""); sub(/\r$/, "") }
  /^[0-9]+\/[0-9]+ Testing: / { sub(/^[0-9]+\/[0-9]+ Testing: /, ""); name = $0; test = ""; next }
  /^\[ RUN      \] / { test = $4; next }
  /^[^ ]+:[0-9]+: Skipped$/ { getline reason; gsub(/\033\[[0-9;]*m/, "", reason); sub(/\r$/, "", reason); found(reason); next }
  /^skipped: / { test = ""; found(substr($0, 10)) }
  END { printf "%d skipped\n", count }
' "$log"
