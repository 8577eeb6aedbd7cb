#!/usr/bin/env bash
# The launch scripts on a real Slurm, of one node that is this machine: a training that reaches its time limit saves,
# goes back into the queue and ends with the losses of one that nobody interrupted; scancel in the middle of a save;
# ranks that are killed or lost; a step that cannot be launched; evaluation, alone and after a training; an array of
# run files. Debian: slurm-wlm, munge. The daemons listen at this machine's loopback address only and are ended by
# their numbers.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1  # as ctest has it
skip() { echo "skipped: $*"; exit 77; }
PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd sbatch srun; do
  command -v $program > /dev/null || skip "needs $program (Debian: slurm-wlm and munge)"
done
((EUID == 0)) || skip "needs to be root, as Slurm's daemons do"

daemons=()
tidy_up() {
  local i
  scancel --me --signal=KILL > /dev/null 2>&1 || true
  for ((i = ${#daemons[@]} - 1; i >= 0; --i)); do
    kill "${daemons[i]}" 2> /dev/null || true
    wait "${daemons[i]}" 2> /dev/null || true
  done
  rm -rf "$work"
}
trap tidy_up EXIT
trap "exit 1" TERM INT
daemon() {  # NAME COMMAND...
  "${@:2}" > "$1.log" 2>&1 &
  daemons+=($!)
}
# within SECONDS COMMAND...: waits until the command succeeds.
within() {
  local end=$((SECONDS + $1))
  until "${@:2}"; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

host=$(uname -n)
export SLURM_CONF=$work/slurm.conf
chmod 755 "$work"
mkdir -m 755 munge state spool node_tmp
(umask 077; head -c 1024 /dev/urandom > munge/key)
port=$((20000 + $$ % 4000 * 2))
# cred_expire (5 at least) is also how long a requeued job waits; CPUs are what Slurm hands out, whatever is there.
cat > slurm.conf <<CONF
ClusterName=modr
SlurmctldHost=${host%%.*}(127.0.0.1)
NodeName=${host%%.*} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$work/munge/socket,cred_expire=5
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
TmpFS=$work/node_tmp
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
OverTimeLimit=0
KillWait=5
ReturnToService=2
CONF
daemon munged munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket" \
  --pid-file="$work/munge/pid" --seed-file="$work/munge/seed" --log-file="$work/munge/log"
within 10 test -S munge/socket || { cat munged.log; die "munged did not start"; }
daemon slurmctld slurmctld -D -f "$SLURM_CONF"
daemon slurmd slurmd -D -f "$SLURM_CONF"
is_idle() { [[ $(sinfo --noheader --format=%t 2> /dev/null) == idle ]]; }
within 30 is_idle || { tail -n 30 slurmctld.log slurmd.log; die "Slurm's node did not come up"; }
srun --mpi=list 2>&1 | grep -q pmix || skip "this Slurm has no pmix plugin"

export MODR_BUILD
MODR_BUILD=$(cd "$(dirname "$modr")/.." && pwd)
submit() { (cd "$repository" && sbatch --parsable --chdir="$work" "$@"); }
state() { scontrol show job "$1" | sed -n "s/.* \?$2=\([^ ]*\).*/\1/p" | head -n 1; }
# Slurm may deliver a signal twice: scancel repeats it where the job "can not be altered now".
was_requeued() { [[ $(state "$1" Restarts) -ge 1 ]] || { tail -n 15 ./*.log; die "job $1 was not requeued"; }; }
not_requeued() { [[ $(state "$1" Restarts) == 0 ]] || { tail -n 15 ./*.log; die "job $1 was requeued"; }; }
is_over() { [[ ! $(squeue --noheader --jobs="$1" --states=all --format=%T) =~ PENDING|RUNNING|COMPLETING|REQUEUED ]]; }
# ends JOB STATE SECONDS: the job ends in that state.
ends() {
  within "$3" is_over "$1" || { tail -n 15 ./*.log; die "job $1 is $(state "$1" JobState) after $3 s"; }
  [[ $(state "$1" JobState) == "$2" ]] || { tail -n 15 ./*.log; die "job $1 ended $(state "$1" JobState), not $2"; }
}

small_data
# As many steps as this machine does in some 12 s now: time to stop it in.
now_ms() { echo $(($(date +%s%N) / 1000000)); }
small_run pace modr 4 "steps: 400" "trainable: all"
start=$(now_ms)
on_ranks 2 train --config pace.yaml > pace.log 2>&1 || { cat pace.log; die "the run that measures the pace"; }
steps=$((400 * 12000 / ($(now_ms) - start)))
((steps >= 400)) || steps=400
small_run whole modr 4 "steps: $steps" "checkpoint_every: 100" "trainable: all"
start=$SECONDS
on_ranks 2 train --config whole.yaml > whole.log 2>&1 || { cat whole.log; die "the uninterrupted run"; }
whole_s=$((SECONDS - start))
losses runs/whole > whole.txt
like_whole() { sed "s/^name: whole/name: $1/" whole.yaml > "$1.yaml"; }
same_losses() { losses "runs/$1" | cmp - whole.txt || die "$1: other losses than in one piece"; }

# Slurm's shortest limit is a minute. Of that the run may use a quarter of what it takes in one piece, so that it is
# stopped on a machine that has become much faster since as well, and 5 s at least: beside other work its start takes 2.
like_whole limit
margin=$((whole_s > 200 ? 5 : whole_s > 20 ? 60 - whole_s / 4 : 55))
job=$(submit --time=1 --signal=USR1@1 --output=limit.log launch/slurm/train.sbatch --config limit.yaml \
  --set train.stop_margin_s=$margin)
ends "$job" COMPLETED 480
restarts=$(state "$job" Restarts)
expect test "$restarts" -ge 1
expect test "$(grep -c "the time limit is near: saved" limit.log)" = "$restarts"
expect test "$(grep -c "resumed from" limit.log)" = "$restarts"
same_losses limit
echo "time limit: finished after $restarts requeues"

# start_saving NAME: a job, in `job`, that has a checkpoint and makes the next.
is_saving() { compgen -G "runs/$1/checkpoints/*.h5.tmp" > /dev/null; }
start_saving() {
  like_whole "$1"
  job=$(submit --output="$1.log" launch/slurm/train.sbatch --config "$1.yaml" --set train.checkpoint_every=20 \
    --set parallel.timeout_s=5)
  until [[ -e runs/$1/checkpoints/latest ]] && is_saving "$1"; do
    if is_over "$job"; then cat "$1.log"; die "$1 was over before it was hit"; fi
    sleep 0.002
  done
}

# scancel while it saves (the job then has KillWait to save); submitted again it goes on.
start_saving cancelled
scancel --signal=KILL "$job"
ends "$job" CANCELLED 60
not_requeued "$job"
latest=runs/cancelled/checkpoints/$(< runs/cancelled/checkpoints/latest)
expect "$modr" inspect --verify "$latest" > /dev/null
expect has_steps cancelled 20
if has_steps cancelled "$steps"; then die "the run was over before it was cancelled"; fi
expect grep -q "interrupted by SIGTERM on rank" cancelled.log
job=$(submit --output=cancelled.log launch/slurm/train.sbatch --config cancelled.yaml)
ends "$job" COMPLETED 120
expect grep -q "resumed from $latest after" cancelled.log
same_losses cancelled
echo "scancel in a save: went on from ${latest##*/}"

# Ranks that are killed while they save, and one that is lost: the job goes back into the queue, and ends whole.
goes_on_by_itself() {  # NAME WHY
  ends "$job" COMPLETED 180
  was_requeued "$job"
  grep -Eq "^modr-train: $2, requeued after start 1: latest went from none to step_" "$1.log" ||
    { cat "$1.log"; die "$1: expected a line '$2, requeued'"; }
  expect grep -q "resumed from runs/$1/checkpoints/step_" "$1.log"
  same_losses "$1"
  echo "$1: went on by itself"
}
start_saving killed
scancel --signal=KILL "$job.0"
goes_on_by_itself killed "a rank was killed .code 137."
start_saving lost
for process in /proc/[0-9]*; do
  [[ $process/exe -ef $modr ]] || continue
  variables=$(tr '\0' '\n' < "$process/environ")
  if grep -qx "SLURM_JOB_ID=$job" <<< "$variables" && grep -qx SLURM_PROCID=1 <<< "$variables"; then
    kill -STOP "${process#/proc/}"
  fi
done
goes_on_by_itself lost "(ranks lost each other .code 3.|a rank was killed .code 137.)"
expect grep -q "modr train: rank 1 did not come to " lost.log

# The folder of the job's step is there already, as after a start whose node broke down: that step cannot be launched,
# the next one is.
like_whole unclean
job=$(submit --hold --output=unclean.log launch/slurm/train.sbatch --config unclean.yaml)
mkdir -p "node_tmp/spmix_appdir_${EUID}_$job.0"
scontrol release "$job"
ends "$job" COMPLETED 120
not_requeued "$job"
expect grep -q "^modr-train: srun started no ranks .its code is [0-9]*., try 1 of 3" unclean.log
same_losses unclean
echo "unclean: the next step was launched"

# A training, told by USR1 to save and go on later, and the evaluation that waits for it.
evaluation=(--data data --tasks "gain,chain" --num-steps "1,3" --limit 6 --max-new-tokens 8 --batch 2)
like_whole both
numbers=$("$repository/launch/slurm/train_then_evaluate" --chdir="$work" --output=both-%j.log -- --config both.yaml \
  -- --checkpoint runs/both "${evaluation[@]}" --output of_slurm)
[[ $numbers =~ ^training\ ([0-9]+),\ evaluation\ ([0-9]+)$ ]] || die "train_then_evaluate: $numbers"
training=${BASH_REMATCH[1]} job=${BASH_REMATCH[2]}
within 30 has_steps both 5 || { cat "both-$training.log"; die "both does not start"; }
scancel --signal=USR1 "$training.0"
ends "$training" COMPLETED 120
ends "$job" COMPLETED 60
was_requeued "$training"
expect grep -q "interrupted by SIGUSR1 on rank [01]: saved" "both-$training.log"
same_losses both
on_ranks 1 eval --checkpoint runs/both "${evaluation[@]}" --output of_mpirun > table.txt 2>&1 || die "$(cat table.txt)"
expect test "$(wc -l < of_slurm/samples.jsonl)" = 24
expect cmp of_mpirun/samples.jsonl of_slurm/samples.jsonl

# An array of run files. Its last task, whose number is also that of the array, is requeued alone.
small_run one modr 4 "steps: 4"
like_whole two
array=(launch/slurm/train_array.sbatch one.yaml two.yaml -- --set train.log_every=50)
job=$(submit --array=0-1 --output=array-%a.log "${array[@]}")
within 60 has_steps two 5 || { cat array-1.log; die "task 1 of the array does not start"; }
scancel --signal=USR1 "${job}_1.0"
for task in 0 1; do ends "${job}_$task" COMPLETED 120; done
not_requeued "${job}_0"
was_requeued "${job}_1"
expect test "$(wc -l < runs/one/metrics.jsonl)" = 4
same_losses two
code=0
SLURM_JOB_NAME=array SLURM_JOB_ID=1 SLURM_ARRAY_JOB_ID=1 SLURM_ARRAY_TASK_ID=2 SLURM_JOB_END_TIME=1 \
  SLURM_SUBMIT_DIR=$repository bash "$repository/${array[0]}" one.yaml two.yaml 2> many.txt || code=$?
expect test "$code" = 2
expect grep -q "array: task 2 of the array has no run file: expected --array=0-1" many.txt
echo "passed"
