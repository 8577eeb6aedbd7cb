#!/usr/bin/env bash
# One job on several grids: branches that are exchanged, pipeline stages, a checkpoint of the one resumed on the other,
# evaluation and generation with shared branches. All give what one rank gives.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
exchange=(--set parallel.placement=exchange --set parallel.branch=2)
stages=(--set "parallel.stages={prelude: 1, recurrence: 1, coda: 1}")

# train RANKS CONFIG OPTIONS...
train() { on_ranks "$1" train --config "$2.yaml" "${@:3}" > train.out 2> train.log || { cat train.log; die "train $*"; }; }

# Equal losses, up to the order of sums.
same_losses() {
  paste <(losses "runs/$1") <(losses "runs/$2") |
    awk '{d = $1 - $2; if (NF != 2 || d * d > 1e-10 * $2 * $2) bad = 1} END {exit bad || NR != 6}' ||
    { paste <(losses "runs/$1") <(losses "runs/$2"); die "losses of $1 and $2"; }
}

for unit in sequence token; do
  for run in alone shared piped; do
    small_run $run-$unit modr 4 "steps: 6" "checkpoint_every: 3" "trainable: all"
    sed -i "s/lora_alpha: 8/lora_alpha: 8, unit: $unit/" $run-$unit.yaml
  done
  train 1 alone-$unit
  train 2 shared-$unit "${exchange[@]}"
  train 3 piped-$unit "${stages[@]}"
  same_losses shared-$unit alone-$unit
  same_losses piped-$unit alone-$unit
  # The second half again, each on the other's grid.
  train 3 shared-$unit "${stages[@]}" --resume runs/shared-$unit/checkpoints/step_00000003.h5
  expect grep -q "resumed from" train.log
  train 2 piped-$unit "${exchange[@]}" --resume runs/piped-$unit/checkpoints/step_00000003.h5
  expect grep -q "resumed from" train.log
  same_losses shared-$unit alone-$unit
  same_losses piped-$unit alone-$unit
done

# The faster placement, with the reason.
small_run auto modr 4 "steps: 2"
train 2 auto --set parallel.placement=auto
expect grep -Eq "placement: (replicate|exchange), since a step takes [0-9.]+ ms with replicate and [0-9.]+ ms with" \
  train.log

# A grid that does not fit: one line with what would, beside mpirun's remarks.
refused() {  # CODE PATTERN RANKS COMMAND...
  local code=0
  on_ranks "${@:3}" 2> err.txt || code=$?
  [[ $code == "$1" && $(grep -c 'modr [a-z]*: ' err.txt) == 1 ]] || { cat err.txt; die "exit code $code, not $1 with one line: $*"; }
  grep -Eq "$2" err.txt || { cat err.txt; die "expected '$2'"; }
}
refused 2 "needs a multiple of 2 ranks, this job has 3: start 2 or 4" 3 train --config auto.yaml "${exchange[@]}" \
  --set train.output=runs/new
refused 2 "data 2 .* needs 6 ranks, this job has 3: .*parallel.data: 1" 3 train --config auto.yaml "${stages[@]}" \
  --set parallel.data=2 --set train.output=runs/new
refused 2 "branch: expected a divisor of the job's 3 ranks, found 2" 3 eval --data data --checkpoint runs/auto --branch 2

# The one rank that generates gives up; the other, which waits to serve it, ends with it.
refused 1 "rank 0: speculation: expected a cache that keeps every recurrence .* found cache compress-s2 and top_k 1" 2 \
  generate --checkpoint runs/alone-sequence --prompt "Tom has 3 apples." --draft-steps 1 --cache compress-s2

# Tables but for their times, samples and texts.
table() { sed '/answers\/s/,$d' "$1"; }
for unit in sequence token; do
  for ranks in 1 2; do
    on_ranks $ranks eval --data data --tasks gain,chain --num-steps 1,3 --limit 4 --max-new-tokens 6 --batch 2 \
      --checkpoint runs/alone-$unit --branch $ranks --output eval$ranks > table$ranks.txt 2> eval.log ||
      { cat eval.log; die "eval on $ranks ranks"; }
    on_ranks $ranks generate --checkpoint runs/alone-$unit --prompt "Tom has 3 apples." --num-steps 3 \
      --max-new-tokens 12 > text$ranks.txt 2> generate.log || { cat generate.log; die "generate on $ranks ranks"; }
  done
  expect grep -q gain table2.txt
  expect cmp <(table table1.txt) <(table table2.txt)
  expect cmp eval1/samples.jsonl eval2/samples.jsonl
  expect test -s text1.txt
  expect cmp text1.txt text2.txt
done
echo "passed"
