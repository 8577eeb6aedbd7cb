#!/usr/bin/env bash
# The same run in float32 and in bf16: losses within 1 %, routes that agree, a checkpoint of float32 that either can load.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
for unit in sequence token; do
  for dtype in f32 bf16; do
    name=${unit}_$dtype
    small_run "$name" modr 4 "steps: 40" "dtype: $dtype"
    silently on_ranks 2 train --config "$name.yaml" --set "model.branches.unit=$unit"
  done
  paste <(losses "runs/${unit}_f32") <(losses "runs/${unit}_bf16") |
    awk '{ d = $2 / $1 - 1; if (d < 0) d = -d; if (d > worst) worst = d; ++n }
         END { printf "largest difference of a loss: %.2f %%\n", 100 * worst; exit !(n == 40 && worst < 0.01) }' ||
    die "$unit: losses of bf16 and float32 differ: $(paste <(losses "runs/${unit}_f32") <(losses "runs/${unit}_bf16"))"
  # Units that went elsewhere in the first step, where the weights are the same.
  paste -d, <(head -1 "runs/${unit}_f32/metrics.jsonl" | grep -o '"branch_counts":\[[^]]*' | tr -dc '0-9,') \
    <(head -1 "runs/${unit}_bf16/metrics.jsonl" | grep -o '"branch_counts":\[[^]]*' | tr -dc '0-9,') |
    awk -F, '{ for (i = 1; i <= 4; ++i) { d = $i - $(i + 4); if (d > 0) moved += d; all += $i } }
             END { printf "routes: %d of %d units elsewhere in the first step\n", moved, all; exit !(all > 0 && moved <= all / 20) }' ||
    die "$unit: bf16 routes differ: $(head -1 "runs/${unit}_f32/metrics.jsonl" "runs/${unit}_bf16/metrics.jsonl")"
done
expect h5dump -H runs/token_bf16/checkpoints/step_00000040.h5 > header.txt
grep -q H5T_IEEE_F32LE header.txt || die "the weights of a bf16 run are not float32"
# Taken up again, its losses are those of one piece, to the last digit.
small_run parts modr 4 "steps: 40" "dtype: bf16" "checkpoint_every: 20"
silently on_ranks 2 train --config parts.yaml
tail -20 runs/parts/metrics.jsonl | sed 's/.*"loss":\([^,]*\),.*/\1/' > whole
rm runs/parts/checkpoints/step_00000040.h5
echo step_00000020.h5 > runs/parts/checkpoints/latest
silently on_ranks 2 train --config parts.yaml --resume auto
tail -20 runs/parts/metrics.jsonl | sed 's/.*"loss":\([^,]*\),.*/\1/' | cmp - whole || die "a resumed bf16 run differs"
# Evaluated in either precision.
for dtype in f32 bf16; do
  silently on_ranks 2 eval --checkpoint runs/token_bf16 --data data --tasks all --limit 3 --dtype "$dtype"
done
code=0
"$modr" eval --checkpoint runs/token_bf16 --data data --dtype f16 2> wrong.txt || code=$?
[[ $code == 2 ]] && grep -q -- "--dtype: expected f32 or bf16, found 'f16'" wrong.txt || die "--dtype f16: $(cat wrong.txt)"
