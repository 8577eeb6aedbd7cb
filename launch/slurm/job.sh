# What the sbatch scripts share; sourced in the job, from where sbatch was called.
# shellcheck shell=bash

fail() {
  echo "$SLURM_JOB_NAME: $*" >&2
  exit 2
}

modr=${MODR_BUILD:-$SLURM_SUBMIT_DIR/build/release}/bin/modr
[[ -x $modr ]] || fail "no program at $modr: expected sbatch to be called in the repository, or MODR_BUILD"
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

# The number alone of an array's last task is that of the whole array.
job=$SLURM_JOB_ID
if [[ -n ${SLURM_ARRAY_TASK_ID:-} ]]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi

# modr itself watches the end of the job's time; Slurm 22.05, for one, does not tell it.
if [[ -z ${SLURM_JOB_END_TIME:-} ]] && end=$(squeue --noheader --jobs="$job" --format=%e) &&
  end=$(date --date="$end" +%s 2>/dev/null); then
  export SLURM_JOB_END_TIME=$end
fi

# on_ranks ARGUMENTS...: modr on all of the job's tasks. srun does not take the number of cores over from sbatch by
# itself (since Slurm 22.05). Ranks end together: a task that is left behind has lost the others and is ended, but not
# at once, since that would be a kill among the exit codes of a job that is just saying it was interrupted.
# A step that Slurm cannot launch (a node has a folder spmix_appdir_JOB.STEP left from a start that ended badly) is no
# success, though srun 22.05 then exits with 0. So rank 0, which is on this host, first removes a file; where that is
# still there it is tried again: the next step has another number.
on_ranks() {
  local unseen code try
  unseen=$(mktemp)
  for try in 1 2 3; do
    code=0
    # shellcheck disable=SC2016  # each rank expands it
    srun --mpi=pmix --cpus-per-task="$OMP_NUM_THREADS" --cpu-bind=cores --kill-on-bad-exit=0 --wait=30 \
      bash -c '[[ $SLURM_PROCID != 0 ]] || rm -f "$0"; exec "$@"' "$unseen" "$modr" "$@" || code=$?
    [[ -e $unseen ]] || return "$code"
    echo "$SLURM_JOB_NAME: srun started no ranks (its code is $code), try $try of 3" >&2
    sleep $((try < 3 ? 5 : 0))
  done
  rm -f "$unseen"
  return $((code > 0 ? code : 1))
}

latest_of() { cat "$1/checkpoints/latest" 2>/dev/null || echo none; }

# train OPTIONS...: goes on from the run's last checkpoint. A job that was interrupted is put back into the queue; so is
# one that lost a rank, as long as it gets on: the next start may have a sound node.
train() {
  local code=0 restarts=${SLURM_RESTART_COUNT:-0} most=${MODR_MAX_REQUEUES:-100} folder before after why
  folder=$("$modr" train --show-folder "$@")
  before=$(latest_of "$folder")
  on_ranks train --resume auto "$@" || code=$?
  after=$(latest_of "$folder")
  case $code in
    # 128 + USR1: it came before modr was ready to take it, and to a run that had nothing to save.
    4 | 138) why="interrupted (code $code)" ;;
    3) why="ranks lost each other (code 3)" ;;
    137) why="a rank was killed (code 137)" ;;
    *) return "$code" ;;
  esac
  why="$SLURM_JOB_NAME: $why, "
  if ((code == 3 || code == 137)) && [[ $after == "$before" ]]; then
    echo "${why}and no checkpoint was made since this start (latest: $after): not requeued" >&2
    return "$code"
  fi
  if ((restarts >= most)); then
    echo "${why}and not requeued after $restarts times (MODR_MAX_REQUEUES): submit it again" >&2
    return "$code"
  fi
  echo "${why}requeued after start $((restarts + 1)): latest went from $before to $after" >&2
  scontrol requeue "$job" || return "$code"
  exit 0
}
