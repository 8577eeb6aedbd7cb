# A job that is killed in the middle of training goes on from its latest checkpoint as if nothing had happened.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run whole modr 3 "steps: 120" "checkpoint_every: 5" "trainable: all"
sed 's/^name: whole/name: killed/' whole.yaml > killed.yaml
on_ranks 2 train --config whole.yaml > /dev/null 2>&1 || die "the uninterrupted run"
mpirun --oversubscribe --bind-to none --quiet -n 2 "$modr" train --config killed.yaml > /dev/null 2>&1 &
job=$!
for ((i = 0; i < 600; ++i)); do
  [[ -e runs/killed/metrics.jsonl && $(wc -l < runs/killed/metrics.jsonl) -ge 12 ]] && break
  sleep 0.05
done
first_rank=$(cut -d ' ' -f 1 "/proc/$job/task/$job/children")
kill -KILL "$first_rank" || die "the run was over before it could be killed"
if wait "$job"; then die "the killed job ended as if it had finished"; fi
steps=$(wc -l < runs/killed/metrics.jsonl)
expect test "$steps" -lt 120
on_ranks 2 train --config killed.yaml --resume auto > /dev/null 2> resume.log || { cat resume.log; die "resume"; }
expect grep -q "resumed from" resume.log
losses runs/whole > whole.txt
losses runs/killed > killed.txt
expect cmp whole.txt killed.txt
echo "passed: killed after $steps steps"
