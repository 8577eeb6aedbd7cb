#!/usr/bin/env bash
# Standard streams that are closed, full, or a pipe that nobody reads any more. What is said there may be lost, never
# what the job is for: it goes on, saves, and ends with its own exit code. A result that cannot be written is an error.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export MODR_BUILD
MODR_BUILD=$(cd "$(dirname "$modr")/.." && pwd)
small_data
small_run base pretrain 0 "steps: 6" "checkpoint_every: 3" "log_every: 1"
checkpoint=runs/base/checkpoints/step_00000006.h5
train() { "$modr" train --config base.yaml --set "train.output=runs/$1"; }
train base > /dev/null 2>&1 || die "the run that can say all"
losses runs/base > base.txt

# A pipe without a reader, as the descriptor `gone`.
mkfifo pipe
exec {reader}<> pipe {gone}> pipe
exec {reader}>&-

# whole NAME CODE EXPECTED: it ended with that code, and has done and saved all.
whole() {
  [[ $2 == "$3" ]] || die "$1: exit code $2 instead of $3"
  for step in 3 6; do
    "$modr" inspect --verify "runs/$1/checkpoints/step_0000000$step.h5" > verify.txt 2>&1 || die "$1: $(< verify.txt)"
  done
  losses "runs/$1" | cmp - base.txt || die "$1: other losses"
}
code=0; train no_stdin > /dev/null 2>&1 <&- || code=$?
whole no_stdin $code 0
code=0; train no_stderr > /dev/null 2>&- || code=$?
whole no_stderr $code 0
code=0; train full_stderr > /dev/null 2> /dev/full || code=$?
whole full_stderr $code 0
code=0; train gone_stderr > /dev/null 2>&"$gone" || code=$?
whole gone_stderr $code 0
code=0; train no_stdout 2> no_stdout.log >&- || code=$?
whole no_stdout $code 1
expect grep -qx "modr train: cannot write to stdout: Bad file descriptor" no_stdout.log
code=0; train nothing <&- >&- 2>&- || code=$?
whole nothing $code 1

# Errors keep their code where nobody can be told, on one rank and on several.
# ends CODE COMMAND...: with stderr full, and with its reader gone.
ends() {
  local code=0
  "${@:2}" > /dev/null 2> /dev/full || code=$?
  [[ $code == "$1" ]] || die "${*:2} 2> /dev/full: exit code $code instead of $1"
  code=0
  "${@:2}" > /dev/null 2>&"$gone" || code=$?
  [[ $code == "$1" ]] || die "${*:2}, its reader gone: exit code $code instead of $1"
}
ends 2 "$modr"
ends 2 "$modr" train --confi
ends 1 "$modr" eval --checkpoint nowhere --data .
ends 1 "${mpirun[@]}" -n 2 bash -c 'exec "$0" eval --checkpoint nowhere --data . 2> /dev/full' "$modr"
ends 1 "${mpirun[@]}" -n 2 "$modr" eval --checkpoint nowhere --data .

# Results: text and tables. With its reader gone a command ends quietly, as `modr ... | head` has to.
evaluation=(eval --checkpoint runs/base --data data --tasks gain --num-steps 1 --limit 2 --max-new-tokens 4)
generation=(generate --checkpoint runs/base --prompt x --max-new-tokens 4)
code=0; "$modr" "${evaluation[@]}" --output full > /dev/full 2> full.log || code=$?
[[ $code == 1 ]] || die "a table on a full disk: exit code $code instead of 1"
expect grep -q "^modr eval: cannot write to stdout: No space left on device$" full.log
expect test "$(wc -l < full/samples.jsonl)" = 2  # what was computed is not lost with it
for command in evaluation generation "inspect $checkpoint" "diff $checkpoint runs/base/checkpoints/step_00000003.h5"; do
  if [[ $command == *\ * ]]; then read -ra arguments <<< "$command"; else declare -n arguments=$command; fi
  code=0; "$modr" "${arguments[@]}" > /dev/full 2> result.log || code=$?
  [[ $code == 1 ]] && grep -q "cannot write to stdout" result.log || die "$command > /dev/full: $code, $(< result.log)"
  code=0; "$modr" "${arguments[@]}" >&"$gone" 2> result.log || code=$?
  if [[ $code != 1 ]] || grep -q "cannot\|failure" result.log; then
    die "$command, its reader gone: $code, $(< result.log)"
  fi
  declare +n arguments
  unset arguments
done

code=0
"$repository/launch/local" 2 "${evaluation[@]}" > /dev/full 2> result.log || code=$?
[[ $code == 1 ]] && grep -q "^launch/local: cannot write to stdout$" result.log || die "$code, $(< result.log)"

# Ctrl-C on `... 2>&1 | tee log` reaches tee too: interrupted NAME SIGNAL COMMAND... saves all the same.
interrupted() {
  local code=0 job tee
  mkfifo "$1.pipe"
  cat "$1.pipe" > /dev/null & tee=$!
  "${@:3}" train --config base.yaml --set "train.output=runs/$1" --set train.steps=1000000 \
    --set train.checkpoint_every=0 > "$1.pipe" 2>&1 & job=$!
  under_way "$1" 3 $job || die "$1 does not start"
  kill -KILL $tee
  wait $tee 2> /dev/null || true
  kill "-$2" $job
  wait $job || code=$?
  [[ $code == 4 ]] || die "$1: exit code $code instead of 4"
  expect "$modr" inspect --verify "runs/$1/checkpoints/$(< "runs/$1/checkpoints/latest")" > /dev/null
}
interrupted alone INT "$modr"
interrupted by_launch_local TERM "$repository/launch/local" 2
echo "passed"
