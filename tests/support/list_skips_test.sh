#!/usr/bin/env bash
# list_skips.sh on a log with a program under mpirun, of which one test was skipped, a single test and a script.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/Testing/Temporary"
printf '%s\n' "1/3 Testing: mpi/comm/np1" "Output:" $'\033[0;32m[ RUN      ] \033[mA.Passes' \
  $'\033[0;32m[       OK ] \033[mA.Passes (0 ms)' $'\033[0;32m[ RUN      ] \033[mA.Skips\r' \
  $'../a_test.cpp:24: Skipped\r' $'nobody to lose\r' $'\033[0;32m[  SKIPPED ] \033[mA.Skips (0 ms)' \
  "2/3 Testing: unit/model/B.Skips" "[ RUN      ] B.Skips" "b_test.cpp:1: Skipped" "no data" \
  "3/3 Testing: scenario/c" "skipped: needs root" "4/4 Testing: unit/d" "a step was skipped: no" \
  > "$work/Testing/Temporary/LastTest.log"
expected="  mpi/comm/np1 A.Skips: nobody to lose
  unit/model/B.Skips B.Skips: no data
  scenario/c: needs root
3 skipped"
found=$("$(dirname "${BASH_SOURCE[0]}")/list_skips.sh" "$work")
[[ $found == "$expected" ]] || { printf 'expected:\n%s\nfound:\n%s\n' "$expected" "$found"; exit 1; }
