#!/usr/bin/env bash
# Pre-train on two ranks, fine-tune one LoRA and MoDr, evaluate all on one and on two ranks, look into the files.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run base pretrain 0 "steps: 6" "checkpoint_every: 3"
small_run lora lora 1 "steps: 4" "init_from: runs/base"
small_run modr modr 4 "steps: 4" "init_from: runs/base"
for run in base lora modr; do
  on_ranks 2 train --config $run.yaml > $run.out 2> $run.log || { cat $run.log; die "train $run"; }
  expect grep -q "tokens/s" $run.log
  expect test "$(cat $run.out)" = "runs/$run/checkpoints/$(cat runs/$run/checkpoints/latest)"
done
expect test "$(wc -l < runs/base/metrics.jsonl)" = 6
expect grep -q '"branch_counts":\[' runs/modr/metrics.jsonl
expect grep -q '"balance_entropy":' runs/modr/metrics.jsonl

# A run's folder is not overwritten by accident.
if on_ranks 1 train --config base.yaml 2> again.log; then die "an earlier run was overwritten"; fi
expect grep -q "holds a run already" again.log

# The resumed run repeats the uninterrupted one, to the last bit.
losses runs/base > whole.txt
silently on_ranks 2 train --config base.yaml --resume runs/base/checkpoints/step_00000003.h5
losses runs/base > resumed.txt
expect cmp whole.txt resumed.txt

for ranks in 1 2; do
  on_ranks $ranks eval --data data --tasks gain,chain --num-steps 1,3 --limit 6 --max-new-tokens 8 --batch 2 \
    --checkpoint base=runs/base,modr=runs/modr --output eval$ranks > table$ranks.txt 2> eval$ranks.log ||
    { cat eval$ranks.log; die "eval on $ranks ranks"; }
done
expect cmp eval1/samples.jsonl eval2/samples.jsonl
expect test "$(wc -l < eval1/samples.jsonl)" = 48
expect grep -q "gain" table1.txt
expect test -s eval1/summary.json

checkpoint=runs/modr/checkpoints/step_00000004.h5
"$modr" inspect $checkpoint > inspect.txt
expect grep -q "transformer.core_block" inspect.txt
"$modr" inspect --json $checkpoint > inspect.json
expect grep -q '"transformer.router.weight"' inspect.json
expect "$modr" diff $checkpoint $checkpoint > /dev/null
if "$modr" diff $checkpoint runs/lora > diff.txt; then die "diff saw no difference"; fi
expect grep -q "^B  runs/lora/checkpoints/step_00000004.h5$" diff.txt
h5dump -n $checkpoint > h5dump.txt
expect grep -q "transformer.router.bias" h5dump.txt
"$modr" generate --checkpoint runs/modr --prompt "Tom has 3 apples." --num-steps 2 --max-new-tokens 4 \
  > generated.txt 2> generate.log
echo "passed"
