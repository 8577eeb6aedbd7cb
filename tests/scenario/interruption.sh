#!/usr/bin/env bash
# Jobs that are told to stop: by a signal to one rank, to mpirun, to a process alone, or by a time limit. They save, say
# so in one line, exit with 4 and go on as if nothing had happened. And dry runs, which train nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
steps=120
small_run whole modr 3 "steps: $steps" "trainable: all"
silently on_ranks 2 train --config whole.yaml
losses runs/whole > whole.txt

# stopped NAME CODE LINE: it ended with 4, said LINE once, and its checkpoint is of the last step recorded.
stopped() {
  local last
  [[ $2 == 4 ]] || { cat "$1.log"; die "$1: exit code $2 instead of 4"; }
  [[ $(grep -cE "$3: saved runs/$1/checkpoints/step_[0-9]+.h5, continue with --resume auto" "$1.log") == 1 ]] ||
    { cat "$1.log"; die "$1: expected one line '$3: saved ...'"; }
  last=$(wc -l < "runs/$1/metrics.jsonl")
  expect test "$last" -lt "$steps"
  expect test "$(cat "$1.out")" = "$(printf 'runs/%s/checkpoints/step_%08d.h5' "$1" "$last")"
}

# goes_on NAME: taken up again it ends with the losses of one piece.
goes_on() {
  on_ranks 2 train --config "$1.yaml" --resume auto > /dev/null 2> again.log || { cat again.log; die "resume $1"; }
  losses "runs/$1" | cmp - whole.txt || die "$1: other losses than in one piece"
}

run_like_whole() { sed "s/^name: whole/name: $1/" whole.yaml > "$1.yaml"; }

# interrupt NAME SIGNAL WHOM COMMAND...: starts it and, once it has recorded some steps, sends the signal to rank 1 or
# to the job; its exit code is in `code`. Once more when the run was over before the signal came, as it may be on a busy
# machine.
interrupt() {
  local name=$1 signal=$2 whom=$3 tries target
  run_like_whole "$name"
  for ((tries = 0; tries < 20; ++tries)); do
    rm -rf "runs/$name"
    "${@:4}" train --config "$name.yaml" > "$name.out" 2> "$name.log" &
    job=$!
    under_way "$name" 3 $job || { cat "$name.log"; die "$name does not start"; }
    target=$job
    if [[ $whom == rank ]]; then target=$(rank_of $job 1 2> /dev/null) || target=; fi
    if [[ -n $target ]]; then kill "-$signal" "$target" 2> /dev/null || true; fi
    code=0
    wait $job || code=$?
    if ((code != 0)); then return; fi
  done
  die "$name: 20 runs ended as if nobody had sent SIG$signal"
}
two_ranks=("${mpirun[@]}" -n 2 "$modr")

for signal in TERM INT HUP USR1; do
  name=to_rank_$signal
  interrupt "$name" "$signal" rank "${two_ranks[@]}"
  stopped "$name" "$code" "interrupted by SIG$signal on rank 1"
  goes_on "$name"
done

# mpirun passes SIGUSR1 on to all ranks.
interrupt to_mpirun USR1 job "${two_ranks[@]}"
stopped to_mpirun "$code" "interrupted by SIGUSR1 on rank [01]"
goes_on to_mpirun

# A process alone, whose numbers are those of its own kind; and one that nohup lets outlive its terminal.
interrupt alone TERM job "$modr"
stopped alone "$code" "interrupted by SIGTERM"
run_like_whole outlives
(trap "" HUP; exec "$modr" train --config outlives.yaml > outlives.out 2> outlives.log) &
job=$!
under_way outlives 3 $job || { cat outlives.log; die "outlives does not start"; }
kill -HUP $job
wait $job || { cat outlives.log; die "nohup's job ended with its terminal"; }
expect test "$(wc -l < runs/outlives/metrics.jsonl)" = $steps

# A time limit: from the option, and from Slurm. A margin that leaves no time stops after the first step.
run_like_whole limit
code=0
on_ranks 2 train --config limit.yaml --time-limit 30s > limit.out 2> limit.log || code=$?
stopped limit "$code" "the time limit is near"
expect grep -Eq "time limit: [0-9]+ s left, will save and stop 1 min 00 s before" limit.log
expect test "$(wc -l < runs/limit/metrics.jsonl)" = 1
code=0
SLURM_JOB_END_TIME=$(($(date +%s) + 20)) \
  on_ranks 2 train --config limit.yaml --resume auto > limit.out 2> limit.log || code=$?
stopped limit "$code" "the time limit is near"
expect test "$(wc -l < runs/limit/metrics.jsonl)" = 2
SLURM_JOB_END_TIME=$(($(date +%s) + 20)) on_ranks 2 train --config limit.yaml --resume auto --time-limit 10h \
  > limit.out 2> limit.log || die "the option comes before Slurm: $(cat limit.log)"
losses runs/limit | cmp - whole.txt || die "limit: other losses than in one piece"
code=0
"$modr" train --config limit.yaml --time-limit soon 2> wrong.txt || code=$?
[[ $code == 2 ]] && grep -q -- "--time-limit: expected a number of seconds, minutes or hours" wrong.txt ||
  die "--time-limit soon: $code, $(cat wrong.txt)"

# dry CODE PATTERN OPTIONS...: a dry run that ends so and prints a line that matches; nothing is written.
dry() {
  local code=0
  "$modr" train --config dry.yaml --dry-run "${@:3}" > dry.out 2> dry.log || code=$?
  [[ $code == "$1" ]] || { cat dry.out dry.log; die "dry run: exit code $code instead of $1: $*"; }
  grep -Eq "$2" dry.out || { cat dry.out dry.log; die "dry run: expected '$2': $*"; }
  expect test ! -e runs/dry
}
run_like_whole dry
dry 0 "^fits$"
dry 0 "^grid: data 1 x branch 1: 1 ranks"
dry 0 "^  ranks 0-63: the whole model, .* MiB a rank" --ranks 64
dry 0 "^  ranks 1, 4: recurrence" --ranks 6 --set "parallel.stages={prelude: 1, recurrence: 1, coda: 1}"
dry 1 "^does not fit: parallel: .* needs a multiple of 3 ranks" --ranks 64 \
  --set "parallel.stages={prelude: 1, recurrence: 1, coda: 1}"
dry 1 "^does not fit: disk: checkpoints need" --set train.steps=1000000000000 --set train.checkpoint_every=1 \
  --set train.keep_checkpoints=0
dry 1 "^does not fit: memory: .* are needed" --set model.n_embd=65536 --set model.n_heads=512
on_ranks 2 train --config dry.yaml --dry-run > dry.out 2> dry.log || { cat dry.log; die "dry run on two ranks"; }
expect grep -q "^memory: .* for the 2 ranks on this machine" dry.out
expect test "$(grep -c '^fits$' dry.out)" = 1
# A run that would not start says what the real one would.
code=0
"$modr" train --config whole.yaml --dry-run 2> dry.log || code=$?
[[ $code == 1 ]] && grep -q "holds a run already" dry.log || die "dry run over an old one: $code, $(cat dry.log)"
"$modr" train --config whole.yaml --dry-run --overwrite > dry.out 2>&1 || die "dry run with --overwrite: $(cat dry.out)"
expect test "$(ls runs/whole/checkpoints)" = "latest
step_00000$steps.h5"
echo "passed"
