#!/usr/bin/env bash
# A disk that fills up while a checkpoint is written: the job says so, and the older checkpoints stay as they were.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run base pretrain 0 "steps: 2"
silently on_ranks 1 train --config base.yaml
good=runs/base/checkpoints/step_00000002.h5
before=$(sha256sum < $good)
# A limit on the size of files stands in for the full disk; it lets the small metrics file pass.
code=0
(ulimit -f 100; "$modr" train --config base.yaml --resume auto --set train.steps=4 > /dev/null 2> full.log) || code=$?
expect test "$code" = 1
expect grep -q "step_00000004.h5" full.log
expect test "$(cat runs/base/checkpoints/latest)" = step_00000002.h5
expect test "$before" = "$(sha256sum < $good)"
expect test "$(ls runs/base/checkpoints)" = "latest
step_00000002.h5"
silently on_ranks 1 train --config base.yaml --resume auto --set train.steps=4
expect test "$(wc -l < runs/base/metrics.jsonl)" = 4
echo "passed"
