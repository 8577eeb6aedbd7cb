#!/usr/bin/env bash
# Runs the programs of the kernels' tests on a GPU, all of them whatever fails: run.sh PROGRAM... Exits 77 where there is
# no GPU.
set -euo pipefail
if ! nvidia-smi -L > /dev/null 2>&1; then echo "skipped: no GPU (nvidia-smi lists none)"; exit 77; fi
failed=()
for program in "$@"; do
  "$program" --gtest_brief=1 || failed+=("${program##*/}")
done
if ((${#failed[@]} > 0)); then echo "failed: ${failed[*]}"; exit 1; fi
