#!/usr/bin/env bash
# Jobs that are killed: kill -9 on a random rank at a random moment, half of the times while it saves, on several grids.
# Each is resumed (at times killed again) and must end with the losses and weights of a job that nobody killed, bit for
# bit; nothing that was said to be saved may be missing or other than it was. By hand, e.g. to repeat run 17 of a seed:
#   tests/scenario/faults.sh BIN REPOSITORY [--runs 200] [--seed 2] [--first 17]
# Without --seed, as ctest has it, the draws are the same each time; when a rank dies is never quite the same.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1  # as ctest has it
shift 2
runs=6 seed=1 first=1
while (($# > 1)); do
  case $1 in
    --runs) runs=$2 ;;
    --seed) seed=$2 ;;
    --first) first=$2 ;;
    *) die "unknown option $1: expected --runs, --seed or --first" ;;
  esac
  shift 2
done
echo "runs $first to $((first + runs - 1)) of seed $seed"
small_data
small_run job modr 4 "steps: 16" "checkpoint_every: 2" "trainable: all"
grids=(data branch stages both)
declare -A ranks=([data]=2 [branch]=2 [stages]=3 [both]=4) length_ms=()
# shellcheck disable=SC2034  # start() takes them by name
data=(--set parallel.data=2)
branch=(--set parallel.branch=2 --set parallel.placement=exchange)
# shellcheck disable=SC2034
stages=(--set "parallel.stages={prelude: 1, recurrence: 1, coda: 1}")
# shellcheck disable=SC2034
both=("${data[@]}" "${branch[@]}")

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
draw() { drawn=$(((RANDOM * 32768 + RANDOM) % $1)); }  # below $1; not by $(), where the generator would not move on

# Sleeps without starting a process, which would take longer than a save.
mkfifo never
exec {never}<> never
sleep_ms() {
  local seconds
  printf -v seconds '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
  read -rt "$seconds" -u "$never" _ || true
}

# start NAME GRID KEEP OPTIONS...: the job in the background, its mpirun in `job`, what it says in NAME.log.
start() {
  local -n options=$2
  "${mpirun[@]}" --timeout 500 -n "${ranks[$2]}" "$modr" train --config job.yaml \
    --set "train.output=runs/$1" --set "train.keep_checkpoints=$3" "${options[@]}" "${@:4}" >> "$1.log" 2>&1 &
  job=$!
}
running() { kill -0 "$job" 2> /dev/null; }

# Waits for the job and returns its code. mpirun itself can lock up (PMIx's finalize, seen once in 70 kills) when all its
# ranks are gone: it is ended then.
await() {
  local pids pid states idle=0
  while running; do
    sleep_ms 200
    states=
    read -ra pids < <(cat "/proc/$job/task/"*/children 2> /dev/null) || true
    for pid in "${pids[@]}"; do states+=$(sed -n 's/^State:\t//p' "/proc/$pid/status" 2> /dev/null); done
    if [[ $states == *[RSDTt]\ * ]]; then idle=0; else idle=$((idle + 1)); fi
    if ((idle == 100)); then kill -KILL "$job"; fi
  done
  wait "$job"
}
saves() { compgen -G "runs/$1/checkpoints/*.tmp" > /dev/null; }

steps_of() {  # NAME: sets `done_steps`
  local lines=()
  if [[ -e runs/$1/metrics.jsonl ]]; then mapfile -t lines < "runs/$1/metrics.jsonl"; fi
  done_steps=${#lines[@]}
}

# kill_rank NAME GRID: at a random moment, or in a save after a random step; counts what it hit.
kill_rank() {
  local pids=() victim save
  while running && ((${#pids[@]} < ranks[$2])); do
    sleep_ms 5
    read -ra pids < <(cat "/proc/$job/task/"*/children 2> /dev/null) || true
  done
  draw 2
  if ((drawn == 0)); then
    draw "${length_ms[$2]}"
    sleep_ms "$drawn"
  else
    draw 15
    until steps_of "$1"; ((done_steps >= drawn)) || ! running; do sleep_ms 1; done
    until saves "$1" || ! running; do sleep_ms 1; done
    draw 6
    sleep_ms "$drawn"
  fi
  draw "${ranks[$2]}"
  victim=${pids[drawn]:-0}
  save=0
  if saves "$1"; then save=1; fi
  [[ /proc/$victim/exe -ef $modr ]] && kill -KILL "$victim" 2> /dev/null || return 0
  kills=$((kills + 1))
  during_save=$((during_save + save))
  story+=" killed rank $drawn"
  if ((save)); then story+=" in a save"; fi
}

failed() {
  mismatches=$((mismatches + 1))
  story+=" FAILED: $*;"
}

# What a checkpoint holds, once all of it was read and found sound; the same for the same contents.
contents() { "$modr" inspect --verify "$1" >&2 && "$modr" inspect --digest "$1" | sed -n '/^digest/,$p'; }
same_contents() {  # FILE GRID
  [[ -e $1 ]] || { failed "$1 is not there"; return; }
  contents "$1" > found.txt 2> error.txt || { failed "$1: $(< error.txt)"; return; }
  cmp -s found.txt "whole-$2/${1##*/}" || failed "$1 holds something else"
}

# check_promises NAME GRID KEEP: what the job said to have saved is there, and `latest` is not older.
check_promises() {
  local said=() file latest=""
  mapfile -t said < <(sed -n 's/.*saved \([^ ]*\.h5\).*/\1/p' "$1.log")
  if [[ -e runs/$1/checkpoints/latest ]]; then latest=$(< "runs/$1/checkpoints/latest"); fi
  if [[ -n $latest ]]; then same_contents "runs/$1/checkpoints/$latest" "$2"; fi
  ((${#said[@]} > 0)) || return 0
  [[ ! $latest < ${said[-1]##*/} ]] || failed "latest is $latest, but ${said[-1]} was saved"
  # One more may have been saved, and the oldest removed, without the job having come to say so.
  if (($3 > 0)); then said=("${said[@]: -$(($3 - 1 < ${#said[@]} ? $3 - 1 : ${#said[@]}))}"); fi
  for file in "${said[@]}"; do
    promises=$((promises + 1))
    same_contents "$file" "$2"
  done
}

# The uninterrupted job of a grid: its losses, the contents of all its checkpoints, and how long it takes.
run_whole() {
  local name=whole-$1 start_ms file
  start_ms=$(now_ms)
  start "$name" "$1" 0
  await || { cat "$name.log"; die "the uninterrupted job, grid $1"; }
  length_ms[$1]=$(($(now_ms) - start_ms))
  losses "runs/$name" > "$name.losses"
  mkdir "$name"
  for file in runs/"$name"/checkpoints/*.h5; do contents "$file" > "$name/${file##*/}" 2> /dev/null; done
  expect test "$(cat "$name"/*.h5 | grep -c weights)" = 8
}

# run_killed NUMBER: one job, killed once or twice and resumed until it is finished.
run_killed() {
  local name=run-$1 grid keep left again code before=$mismatches before_kills
  RANDOM=$(((seed * 1000003 + $1 * 7919) & 0x7fffffff))
  grid=${grids[$1 % 4]} keep=$(($1 / 4 % 2 * 3))
  draw 1  # the first of near seeds are near
  draw 3; left=1 again=$((drawn == 0 ? 1 : 0))
  story="run $1, seed $seed, grid $grid, keep $keep:"
  while true; do
    start "$name" "$grid" "$keep" "${resume[@]}"
    before_kills=$kills
    if ((left > 0)); then kill_rank "$name" "$grid"; fi
    code=0
    await || code=$?
    if saves "$name"; then torn=$((torn + 1)); fi
    check_promises "$name" "$grid" "$keep"
    if ((code == 0 && left > 0 && kills == before_kills && ${#resume[@]} == 0 && misses < 5 * runs)); then
      misses=$((misses + 1))  # over before it was killed: once more
      rm -rf "runs/$name" "$name.log"
      continue
    fi
    ((code != 0)) || break
    ((kills > before_kills)) || { failed "exit code $code though nobody killed it"; break; }
    resumes=$((resumes + 1))
    steps_of "$name"
    story+=" after step $done_steps;"
    resume=(--resume auto)
    left=$again again=0
  done
  losses "runs/$name" > losses.txt
  cmp -s losses.txt "whole-$grid.losses" || failed "losses differ"
  same_contents "runs/$name/checkpoints/step_00000016.h5" "$grid"
  echo "$story finished"
  ((mismatches == before)) || cat "$name.log"
  rm -rf "runs/$name"
}

for grid in "${grids[@]}"; do run_whole "$grid"; done
kills=0 during_save=0 torn=0 misses=0 resumes=0 promises=0 mismatches=0
for ((run = first; run < first + runs; ++run)); do
  resume=()
  run_killed "$run"
done
echo "$runs runs in $SECONDS s: $kills kills hit ($misses came too late and were repeated), $during_save of them in a" \
  "save ($torn left a torn file); $resumes resumes, $promises promised checkpoints checked, $mismatches mismatches"
((mismatches == 0 && kills >= runs)) || die "see above"
echo "passed"
