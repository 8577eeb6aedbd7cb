#!/usr/bin/env bash
# launch/local and signals: the first one, also a terminal's Ctrl-C, lets a training save and ends it with exit code 4;
# the second one ends it at once.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export MODR_BUILD
MODR_BUILD=$(cd "$(dirname "$modr")/.." && pwd)
# launch/local as a terminal starts it, also where this script was started with signals ignored (nohup, a shell's &).
launch_local() { exec env --default-signal=HUP,INT,TERM,USR1 "$repository/launch/local" "$@"; }
# Waits until a file of the job's has so many lines: has_lines FILE COUNT.
has_lines() {
  until [[ -e $1 && $(wc -l < "$1") -ge $2 ]]; do
    kill -0 "$job" 2> /dev/null || die "$1 has no $2 lines, and the job is over"
    sleep 0.02
  done
}

small_data
# As a job of its own, in a group of processes, as a terminal has it.
for to in TERM INT USR1 HUP terminal; do
  small_run $to modr 3 "steps: 1000000" "trainable: all"
  set -m
  launch_local 2 train --config $to.yaml > $to.out 2> $to.log &
  job=$!
  set +m
  has_lines runs/$to/metrics.jsonl 3
  if [[ $to == terminal ]]; then kill -INT -- -$job; else kill -$to $job; fi
  code=0
  wait $job || code=$?
  [[ $code == 4 ]] || { cat $to.log; die "$to: exit code $code instead of 4"; }
  expect test "$(cat $to.out)" = "$(printf 'runs/%s/checkpoints/step_%08d.h5' $to "$(wc -l < runs/$to/metrics.jsonl)")"
  expect test -s "$(cat $to.out)"
done

# Which signals come to mpirun: one that does not end before it has got TERM.
cat > mpirun <<'FAKE'
#!/usr/bin/env bash
trap 'echo USR1' USR1
trap 'echo INT' INT
trap 'echo TERM; exit 9' TERM
echo "runs ${*: -2:1}"
while true; do sleep 0.02; done
FAKE
chmod +x mpirun
for command in train eval; do
  rm -f got.txt  # has_lines could see the last one's
  set -m
  MPIRUN=$work/mpirun launch_local 2 $command x > got.txt &
  job=$!
  set +m
  has_lines got.txt 1
  kill -INT $job
  has_lines got.txt 2
  kill -INT $job
  code=0
  wait $job || code=$?
  expect test $code = 9
  if [[ $command == train ]]; then first=USR1; else first=INT; fi
  expect test "$(tr '\n' ' ' < got.txt)" = "runs $command $first TERM "
done

# An mpirun that ends with 0 though the ranks did not come to their end, as Open MPI 5's does when it loses a host.
cat > mpirun <<'FAKE'
#!/usr/bin/env bash
while [[ $1 != -n ]]; do shift; done
"${@:3}" &
until [[ -e $MODR_END_FILE.begun ]]; do sleep 0.02; done
if [[ -n ${KILLS:-} ]]; then kill -KILL $!; fi
wait $!
exit 0
FAKE
code=0
(KILLS=1 MPIRUN=$work/mpirun launch_local 1 train --config TERM.yaml --set train.output=runs/lost) > lost.txt 2>&1 || code=$?
((code == 3)) || die "a lost rank under an mpirun that ends with 0: $code, $(< lost.txt)"
grep -q "a host or rank is lost" lost.txt || die "$(< lost.txt)"
(MPIRUN=$work/mpirun launch_local 1 --version) > version.txt 2>&1 || die "$(< version.txt)"
echo "passed"
