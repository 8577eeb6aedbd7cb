#!/usr/bin/env bash
# Takes the barriers and waits of the kernels away, one at a time, and sees who misses them.
set -euo pipefail
repository=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")

usage() {
  cat <<TEXT
usage: tests/gpu/mutate.sh [--only FILE]... [--list] [--build FOLDER] [--race-build FOLDER]
For each barrier and wait of kernels/cuda (__syncthreads, __syncwarp, waits for asynchronous copies): compiles a copy of
what has it without it, links it into the test programs of its kernels on the emulated device, and runs these in their
orders of threads and streams, and under the thread sanitizer. A line each on stdout says who found it, the last one how
many. 16 of them take about half an hour on 2 cores.
  --only FILE          the barriers of this file, e.g. reduce.hpp
  --list               which there are, and nothing more
  --build FOLDER       build with the tests (default: build/release, made where it is missing)
  --race-build FOLDER  the same with the thread sanitizer (default: build/tsan)
Exit code: 0; 1 where one is found by nobody and not known in tests/gpu/mutants.txt to be needless (file: its line:
why); 2 where something else went wrong.
TEXT
}
die() { echo "mutate.sh: $*" >&2; exit 2; }

only=() build=$repository/build/release race_build=$repository/build/tsan list=
while (($# > 0)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --list) list=1 ;;
    --only | --build | --race-build)
      (($# > 1)) || die "$1 wants a value; see --help"
      case $1 in
        --only) only+=("$(basename "$2")") ;;
        --build) build=$(realpath -m "$2") ;;
        --race-build) race_build=$(realpath -m "$2") ;;
      esac
      shift
      ;;
    *) die "'$1' is no option; see --help" ;;
  esac
  shift
done

cd "$repository"
statement='__sync(threads|warp)\([^()]*\);|copy_wait(<[^<>]*>)?\(\);'
mapfile -t sites < <(grep -nE "$statement" kernels/cuda/*.cu kernels/cuda/*.hpp | grep -vE ':[0-9]+: *//' |
  if ((${#only[@]})); then grep -E "/($(IFS='|'; echo "${only[*]}")):"; else cat; fi)
((${#sites[@]} > 0)) || die "no barriers in ${only[*]}"
if [[ $list ]]; then printf '%s\n' "${sites[@]}"; exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive
race=66
export TSAN_OPTIONS="suppressions=$repository/cmake/sanitizers/races.txt:halt_on_error=1:exitcode=$race"

# The .cu files that a file is part of.
sources_of() {
  local file=$1 other
  if [[ $file == *.cu ]]; then echo "$file"; return; fi
  grep -lF "\"$file\"" kernels/cuda/*.cu kernels/cuda/*.hpp | while read -r other; do sources_of "$other"; done | sort -u
}

# The test program of a .cu file: attention's of attention_backward.cu.
program_of() {
  local name
  name=$(basename "$1" .cu)
  while [[ ! -e tests/gpu/${name}_test.cpp ]]; do
    [[ $name == *_* ]] || die "$1: no test program"
    name=${name%_*}
  done
  echo "emulated_$name"
}

# made BUILD PRESET PROGRAM: the program as it is; it has to pass. Once each.
made() {
  local build=$1 preset=$2 program=$3
  if [[ -e $work/$preset/$program ]]; then return; fi
  [[ -e $build/build.ninja ]] || cmake -S . -B "$build" --preset "$preset" -DMODR_CUDA=off >&2
  ninja -C "$build" "bin/$program" >"$work/log" 2>&1 || die "$build: $program: $(tail -n 5 "$work/log")"
  "$build/bin/$program" --gtest_brief=1 >"$work/log" 2>&1 || die "$build/bin/$program fails as it is: $(tail "$work/log")"
  mkdir -p "$work/$preset"
  touch "$work/$preset/$program"
}

# linked BUILD PROGRAM FILE: $work/program with FILE of $work/copy in place of the repository's.
linked() (
  local build=$1 program=$2 file=$3 source commands from objects=()
  rm -f "$work"/*.o "$work/program"
  cd "$build"
  commands=$(ninja -t commands "bin/$program")
  for source in $(cd "$repository" && sources_of "$file"); do
    [[ $(cd "$repository" && program_of "$source") == "$program" ]] || continue
    objects+=("$work/$(basename "$source").o")
    from=$repository/$source
    if [[ $source == "$file" ]]; then from=$work/copy/$source; fi
    # (The copy's folder comes before all others, and nothing is said of what is now needless.)
    eval "$(grep -F -- "-c $repository/$source" <<<"$commands" |
      sed -E "s| -I| -I$work/copy -I|; s| -M[TF] [^ ]+||g; s| -MD||; s| -o [^ ]+ -c .*| -w -o ${objects[-1]} -c $from|")"
  done
  eval "$(tail -n 1 <<<"$commands" |
    sed -E "s| (tests/CMakeFiles/${program}[^ ]*)| ${objects[*]} \1|; s| -o bin/$program | -o $work/program |")"
)

# found_by BUILD PRESET FILE: the first program that finds something, which is said, or -. Under the thread sanitizer only
# races are counted.
found_by() {
  local build=$1 preset=$2 file=$3 program code options=(--gtest_brief=1)
  if [[ $preset != tsan ]]; then options+=(--gtest_fail_fast); fi
  for program in $(for source in $(sources_of "$file"); do program_of "$source"; done | sort -u); do
    made "$build" "$preset" "$program"
    linked "$build" "$program" "$file" >"$work/log" 2>&1 || die "$file: $(tail -n 20 "$work/log")"
    code=0
    timeout 900 "$work/program" "${options[@]}" >"$work/log" 2>&1 || code=$?
    ((code != 124)) || die "$file: $program without it does not end"
    if [[ $code == "$race" || ($code != 0 && $preset != tsan) ]]; then echo "${program#emulated_}"; return; fi
  done
  echo "-"
}

is_known() { grep -qF -- "$(basename "$1"): $2: " tests/gpu/mutants.txt; }

by_orders=0 by_races=0 by_nobody=0 unknown=0
printf '%-45s %-18s %s\n' barrier "found in orders" "by the race detector"
for site in "${sites[@]}"; do
  IFS=: read -r file line text <<<"$site"
  rm -rf "$work/copy"
  mkdir -p "$work/copy/kernels/cuda"
  sed -E "${line}s/$statement/;/" "$file" >"$work/copy/$file"
  orders=$(found_by "$build" ci "$file")
  races=$(found_by "$race_build" tsan "$file")
  text=$(sed -E 's/^ +//' <<<"$text")
  note=
  if [[ $orders != - ]]; then ((++by_orders)); fi
  if [[ $races != - ]]; then ((++by_races)); fi
  if [[ $orders$races == -- ]]; then
    ((++by_nobody))
    if is_known "$file" "$text"; then note="  (known)"; else note="  NOT FOUND: $text"; ((++unknown)); fi
  elif is_known "$file" "$text"; then
    note="  (no longer needless: take it out of mutants.txt)"
  fi
  printf '%-45s %-18s %s%s\n' "$file:$line" "$orders" "$races" "$note"
done
printf '%d barriers and waits: %d found in orders, %d by the race detector, %d by nobody, of which %d are not known\n' \
  "${#sites[@]}" $by_orders $by_races $by_nobody $unknown
((unknown == 0))
