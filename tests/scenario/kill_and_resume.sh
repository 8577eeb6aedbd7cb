#!/usr/bin/env bash
# A job that is killed in the middle of training goes on from its latest checkpoint as if nothing had happened.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run whole modr 3 "steps: 120" "checkpoint_every: 5" "trainable: all"
sed 's/^name: whole/name: killed/' whole.yaml > killed.yaml
silently on_ranks 2 train --config whole.yaml
# Fails when the run was over before it could be killed, as it may be on a busy machine.
start_and_kill() {
  local first_rank
  rm -rf runs/killed
  "${mpirun[@]}" -n 2 "$modr" train --config killed.yaml > killed.log 2>&1 &
  job=$!
  under_way killed 12 "$job" || { cat killed.log; die "the run to be killed did not start"; }
  first_rank=$(cut -d ' ' -f 1 "/proc/$job/task/$job/children" 2> /dev/null) || first_rank=
  [[ -n $first_rank ]] && kill -KILL "$first_rank" 2> /dev/null || { wait "$job"; return 1; }
  if wait "$job"; then return 1; fi
  steps=$(wc -l < runs/killed/metrics.jsonl)
  ((steps < 120))
}
for ((tries = 1; ; ++tries)); do
  if start_and_kill; then break; fi
  ((tries < 20)) || die "the run ended as if it had finished, 20 times"
done
on_ranks 2 train --config killed.yaml --resume auto > /dev/null 2> resume.log || { cat resume.log; die "resume"; }
expect grep -q "resumed from" resume.log
losses runs/whole > whole.txt
losses runs/killed > killed.txt
expect cmp whole.txt killed.txt
echo "passed: killed after $steps steps"
