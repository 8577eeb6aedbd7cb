#!/usr/bin/env bash
# A disk that does not answer while a checkpoint is written: a pipe that nobody opens stands where the file is to be
# made, so that the root's writer waits in it. Training goes on beside it, ranks that wait for the disk are not lost,
# and a job that does lose a rank ends within its limit, without waiting for the disk.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run base pretrain 0 "checkpoint_every: 5"
timeout_s=6

# start NAME STEPS OPTIONS...: on two ranks, in the background; the save after step 5 will stand still.
start() {
  rm -rf "runs/$1"
  mkdir -p "runs/$1/checkpoints"
  mkfifo "runs/$1/checkpoints/step_00000005.h5.tmp"
  "${mpirun[@]}" -n 2 "$modr" train --config base.yaml --set "train.output=runs/$1" \
    --set "train.steps=$2" --set "parallel.timeout_s=$timeout_s" "${@:3}" > "$1.out" 2> "$1.log" &
  job=$!
}
# loses NAME: rank 1 is stopped, and the job ends (nothing ever opens the pipe) with one line and code 3.
loses() {
  local code=0 rank
  rank=$(rank_of $job 1)
  kill -STOP "$rank"
  wait $job || code=$?
  [[ $code == 3 ]] || { cat "$1.log"; die "$1: exit code $code instead of 3"; }
  [[ $(grep -c "^modr train: rank 1 did not come to " "$1.log") == 1 ]] ||
    { cat "$1.log"; die "$1: no line, or several"; }
  expect test ! -e "/proc/$rank/exe"
  expect test ! -e "runs/$1/checkpoints/latest"
}

# Beside the save that stands still.
start beside 1000000
under_way beside 8 $job || { cat beside.log; die "training does not go on beside the save"; }
# (The next save, 2 steps later, waits for it.)
loses beside

# Waiting for it: the last save, the next save, and one that is not beside training.
start last 5
under_way last 5 $job || { cat last.log; die "last does not start"; }
loses last
start next 1000000
under_way next 10 $job || { cat next.log; die "next does not start"; }
loses next
start alone 1000000 --set train.async_save=false
under_way alone 5 $job || { cat alone.log; die "alone does not start"; }
loses alone

# A job that fails by itself says why at once, too: from its second step on nothing is finite.
start fails 1000000 --set optim.lr=1e38 --set optim.weight_decay=0 --set optim.warmup_steps=0
code=0
wait $job || code=$?
[[ $code == 1 ]] || { cat fails.log; die "fails: exit code $code instead of 1"; }
grep -q "^modr train: rank [01]: step [0-9]*: .* 6 steps in a row had to be skipped" fails.log || { cat fails.log; die "fails: not told why"; }

# A disk that comes back after longer than the limit has lost nobody. (What it makes of the pipe is an error of its
# own.)
start slow 5
under_way slow 5 $job || { cat slow.log; die "slow does not start"; }
sleep $((2 * timeout_s))
cat runs/slow/checkpoints/step_00000005.h5.tmp > /dev/null &
code=0
wait $job || code=$?
[[ $code == 1 ]] || { cat slow.log; die "slow: exit code $code instead of 1"; }
expect grep -q "^modr train: rank 0: checkpoint of step 5 was not saved: " slow.log

echo "passed"
