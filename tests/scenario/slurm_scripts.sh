#!/usr/bin/env bash
# What the Slurm scripts do with a job's exit code, without a Slurm: `srun` is an mpirun here, and `scontrol` notes what
# is to be requeued. (tests/scenario/slurm.sh has the real ones.)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run whole pretrain 0 "steps: 400" "checkpoint_every: 5"
on_ranks 2 train --config whole.yaml > /dev/null 2>&1 || die "the uninterrupted run"
losses runs/whole > whole.txt

mkdir bin
cat > bin/srun <<'SRUN'
#!/usr/bin/env bash
# A step that cannot be launched: nothing runs, and the code is 0.
echo >> tries.txt
if (($(wc -l < tries.txt) <= ${UNLAUNCHED:-0})); then
  echo "srun: error: task 0 launch failed: Unspecified error" >&2
  exit 0
fi
while [[ $1 == --* ]]; do shift; done
exec mpirun --oversubscribe --bind-to none -n 2 bash -c \
  'export SLURM_PROCID=$OMPI_COMM_WORLD_RANK; echo $$ > rank_$SLURM_PROCID; exec "$@"' rank "$@"
SRUN
cat > bin/scontrol <<'SCONTROL'
#!/usr/bin/env bash
echo "$*" >> scontrol.txt
SCONTROL
chmod +x bin/*
PATH=$work/bin:$PATH
export SLURM_JOB_NAME=job SLURM_JOB_ID=7 SLURM_JOB_END_TIME=$(($(date +%s) + 36000)) SLURM_SUBMIT_DIR=$repository
MODR_BUILD=$(cd "$(dirname "$modr")/.." && pwd)
export MODR_BUILD

latest_of() { cat "runs/$1/checkpoints/latest" 2> /dev/null || true; }
# start NAME RESTARTS OPTIONS...: the batch script, in the background, as Slurm starts it for the (RESTARTS + 1)th time.
start() {
  rm -f scontrol.txt tries.txt rank_*
  before=$(latest_of "$1")
  sed "s/^name: whole/name: $1/" whole.yaml > "$1.yaml"
  SLURM_RESTART_COUNT=$2 bash "$repository/launch/slurm/train.sbatch" --config "$1.yaml" "${@:3}" > "$1.log" 2>&1 &
  job=$!
}
# hit NAME SIGNAL: to the last rank, once there is a checkpoint that was not there when the job was started.
hit() {
  until [[ -s rank_1 && $(latest_of "$1") != "$before" ]]; do
    kill -0 $job 2> /dev/null || { cat "$1.log"; die "$1 was over before it was hit"; }
    sleep 0.01
  done
  kill "-$2" "$(< rank_1)"
}
# ended NAME CODE LINE: the script ended so and said LINE.
ended() {
  local code=0
  wait $job || code=$?
  [[ $code == "$2" ]] || { cat "$1.log"; die "$1: exit code $code instead of $2"; }
  grep -Eq "^job: $3" "$1.log" || { cat "$1.log"; die "$1: expected the line '$3'"; }
}
requeued() { [[ $(cat scontrol.txt 2> /dev/null) == "requeue 7" ]] || die "$1 was not requeued"; }
not_requeued() { [[ ! -e scontrol.txt ]] || die "$1 was requeued: $(< scontrol.txt)"; }

# A rank is killed, then one is lost, then nothing happens any more: the run ends as if nothing had.
start gets_on 0 --set parallel.timeout_s=6
hit gets_on KILL
ended gets_on 0 "a rank was killed .code 137., requeued after start 1: latest went from none to step_[0-9]+.h5$"
requeued gets_on
start gets_on 1 --set parallel.timeout_s=6
hit gets_on STOP
ended gets_on 0 "ranks lost each other .code 3., requeued after start 2: latest went from step_[0-9]+.h5 to step_"
requeued gets_on
start gets_on 2
wait $job || { cat gets_on.log; die "the last start"; }
not_requeued gets_on
losses runs/gets_on | cmp - whole.txt || die "other losses than in one piece"

# A job that does not get on is not started again and again: killed before its first checkpoint, and before the next.
stuck=(--set train.output=elsewhere/run --set train.checkpoint_every=0)
for from in none step_00000050.h5; do
  start stuck 0 "${stuck[@]}"
  until [[ -s rank_1 ]] &&
    { [[ $from == none && -e elsewhere/run/metrics.jsonl ]] || grep -q "resumed from" stuck.log; }; do
    kill -0 $job || { cat stuck.log; die "stuck does not start"; }
    sleep 0.01
  done
  kill -KILL "$(< rank_1)"
  ended stuck 137 \
    "a rank was killed .code 137., and no checkpoint was made since this start .latest: $from.: not requeued"
  not_requeued stuck
  if [[ $from == none ]]; then
    on_ranks 2 train --config stuck.yaml "${stuck[@]}" --resume auto --set train.steps=50 > stuck.log 2>&1 ||
      { cat stuck.log; die "50 steps of stuck"; }
  fi
done

# Nor is one that has been started often enough, or whose config is wrong.
start often 100
hit often USR1
ended often 4 "interrupted .code 4., and not requeued after 100 times .MODR_MAX_REQUEUES.: submit it again"
not_requeued often
start wrong 0 --set train.step=3
code=0
wait $job || code=$?
[[ $code == 2 ]] && grep -q "unknown key; did you mean 'steps'" wrong.log ||
  { cat wrong.log; die "wrong: exit code $code"; }
not_requeued wrong

# A step that was not launched is no run that is finished: it is tried again, and fails in the end.
UNLAUNCHED=1 start again 0
ended again 0 "srun started no ranks .its code is 0., try 1 of 3$"
expect test "$(wc -l < tries.txt)" = 2
losses runs/again | cmp - whole.txt || die "again: other losses than in one piece"
UNLAUNCHED=9 start never 0
ended never 1 "srun started no ranks .its code is 0., try 3 of 3$"
expect test "$(wc -l < tries.txt)" = 3
not_requeued never
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
code=0
UNLAUNCHED=9 bash "$repository/launch/slurm/evaluate.sbatch" --checkpoint runs/whole 2> evaluate.log || code=$?
[[ $code == 1 ]] || { cat evaluate.log; die "an evaluation that was not launched: exit code $code"; }
expect rmdir "$TMPDIR"
echo "passed"
