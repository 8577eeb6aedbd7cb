# A job that is killed in the middle of training goes on from its latest checkpoint as if nothing had happened.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run whole modr 3 "steps: 40" "checkpoint_every: 5" "trainable: all"
sed 's/^name: whole/name: killed/' whole.yaml > killed.yaml
on_ranks 2 train --config whole.yaml > /dev/null 2>&1 || die "the uninterrupted run"
on_ranks 2 train --config killed.yaml > /dev/null 2>&1 &
job=$!
for ((i = 0; i < 600; ++i)); do
  [[ -e runs/killed/metrics.jsonl && $(wc -l < runs/killed/metrics.jsonl) -ge 12 ]] && break
  sleep 0.05
done
pkill -KILL --parent "$(pgrep --parent "$job" mpirun | head -n 1)" || true  # a rank, or both
wait "$job" && die "the killed job ended as if it had finished" || true
steps=$(wc -l < runs/killed/metrics.jsonl)
((steps < 40)) || { echo "skipped: the run was over before it could be killed"; exit 77; }
on_ranks 2 train --config killed.yaml --resume auto > /dev/null 2> resume.log || { cat resume.log; die "resume"; }
expect grep -q "resumed from" resume.log
losses runs/whole > whole.txt
losses runs/killed > killed.txt
expect cmp whole.txt killed.txt
echo "passed: killed after $steps steps"
