# The parts of launch/gpu_check; sourced, not run. Each submits its commands, waits, and makes rows of what they left.
# shellcheck shell=bash disable=SC2154  # what gpu_check sets: bin, top, outside, work, names

some_of() { if (($# > 5)); then echo "${*:1:5} and $(($# - 5)) more"; else echo "$*"; fi; }
tests_that() { sed -n "s/^\[$1\] \([^ ,]*\).* ms)\$/\1/p" "$work/$2.out"; } # MARK NAME
# The test that a program was in when it ended.
test_at_end() { awk '/^\[ RUN / { at = $4 } / ms\)$/ { at = "" } END { print at }' "$work/$1.out"; }

check_kernels() {
  local program name passed failed skipped at result
  for program in "$bin"/hardware_*; do
    [[ -x $program ]] || { row hardware FAILED "no programs $bin/hardware_*"; return; }
    name=${program##*/}
    submit "$name" "$program" --gtest_color=no "--gtest_output=json:$work/$name.json"
  done
  wait
  for name in "${names[@]}"; do
    passed=$(tests_that '       OK ' "$name" | wc -l)
    mapfile -t failed < <(tests_that '  FAILED  ' "$name")
    skipped=$(tests_that '  SKIPPED ' "$name" | wc -l)
    result="$passed passed"
    if ((skipped > 0)); then result+=", $skipped skipped"; fi
    if ((${#failed[@]} > 0)); then result+=", ${#failed[@]} failed: $(some_of "${failed[@]}")"; fi
    if [[ $(code_of "$name") == 0 && $passed -gt 0 ]]; then
      row "$name" passed "$result" "$work/$name.json"
      continue
    fi
    at=$(test_at_end "$name")
    if ((${#failed[@]} == 0)) || [[ -n $at ]]; then result+="; $(ending_of "$name")${at:+, in $at}"; fi
    row "$name" FAILED "$result" "$work/$name.json"
  done
}

dtypes_of() { # GOLDEN: what it can be checked in; steps of adaptive runs, and words, hang on the last digit
  case ${1##*/} in
    *adaptive*) echo f32 ;;
    cache_*) echo f32 f64 ;;
    *) echo f32 f64 bf16 ;;
  esac
}

# From the table of modr verify: the largest relative error, as JSON, and the names of what is past its tolerance.
# (In float64 what PyTorch computed in float32 says nothing of us.)
largest_error() {
  awk -v name="$1" '
    name ~ /f64$/ && $1 ~ /_f32$/ { next }
    $4 == "relative" && ($2 !~ /^[0-9.]+e/ || $2 + 0 >= most + 0) { most = $2; at = $1; if ($2 !~ /^[0-9.]+e/) exit }
    END { if (at != "") printf "{\"largest_relative_error\": \"%s\", \"at\": \"%s\"}\n", most, at }' "$work/$1.out"
}
past_tolerance() { awk '$4 ~ /^(relative|absolute|exact)$/ && $5 != "ok" { print $1 }' "$work/$1.out"; }

check_golden() {
  local files file dtype name result wrong
  local folders=("${bin%/bin}/golden")
  if [[ ! -e ${folders[0]} ]]; then folders=("$repository/../shared/golden" "$repository/../shared/upstream/cache"); fi
  mapfile -t files < <(find -L "${folders[@]}" -name '*.h5' | sort)
  if ((${#files[@]} == 0)); then row golden FAILED "no golden files in ${folders[*]}"; fi
  for file in "${files[@]}"; do
    for dtype in $(dtypes_of "$file"); do
      name=${file##*/}
      submit "${name%.h5}.$dtype" "$bin/modr" verify --device cuda --dtype "$dtype" "$file"
    done
  done
  wait
  for name in "${names[@]}"; do
    largest_error "$name" >"$work/$name.json"
    result=$(sed 's/.*_error": "\([^"]*\)", "at": "\([^"]*\)".*/largest relative error \1, \2/' "$work/$name.json")
    mapfile -t wrong < <(past_tolerance "$name")
    if [[ $(code_of "$name") == 0 && -n $result ]]; then
      row "$name" passed "$result" "$work/$name.json"
    elif ((${#wrong[@]} > 0)); then
      row "$name" FAILED "$result; ${#wrong[@]} past their tolerance: $(some_of "${wrong[@]}")" "$work/$name.json"
    else
      row "$name" FAILED "$(ending_of "$name")" "$work/$name.json"
    fi
  done
}

# Large sizes are left out, and, of a tool that is slow, all types but the first, and cuDNN's kernels.
check_sanitizer() {
  local sanitizer program tool name summary filter
  sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
  [[ -x $sanitizer ]] || { row compute-sanitizer skipped "not there"; return; }
  for tool in "memcheck --report-api-errors no" racecheck; do
    filter='-*MoreThanAllBlocksAtOnce*'
    if [[ $tool == racecheck ]]; then filter+=':*/1.*:*/2.*:*FusedAttention.*'; fi
    for program in "$bin"/hardware_*; do
      # shellcheck disable=SC2086  # the tool's options
      submit "${tool%% *}.${program##*/}" "$sanitizer" --tool $tool --error-exitcode 99 "$program" --gtest_color=no \
        "--gtest_filter=$filter"
    done
  done
  wait
  for name in "${names[@]}"; do
    summary=$(sed -n 's/^=* *\(ERROR\|RACECHECK\) SUMMARY: *//p' "$work/$name.out" | tail -n 1)
    summary+="${summary:+ in }$(tests_that '       OK ' "$name" | wc -l) tests"
    if grep -qi 'device not supported' "$work/$name.out" "$work/$name.err"; then
      row "$name" skipped "it refuses this device"
    elif is_out_of_time "$name" && [[ $name == racecheck* ]]; then
      row "$name" skipped "$summary; $(ending_of "$name")"
    elif [[ $(code_of "$name") == 0 && $summary == 0\ * ]]; then
      row "$name" passed "$summary"
    else
      row "$name" FAILED "$summary; $(ending_of "$name")"
    fi
  done
}

check_train() {
  submit gpu.sh bash "$top/tests/scenario/gpu.sh" "$bin" "$top"
  wait
  if [[ $(code_of gpu.sh) == 0 ]]; then row gpu.sh passed ""; else row gpu.sh FAILED "$(ending_of gpu.sh)"; fi
}

# The numbers of a key in pretty-printed JSON, with three digits: 71.3 / 2640
numbers_of() {
  sed -n "s/^ *\"$2\": \([0-9][0-9.e+-]*\),\{0,1\}$/\1/p" "$work/$1.out" |
    awk '{ printf "%s%.*f", (NR > 1 ? " / " : ""), ($1 < 10 ? 2 : $1 < 100 ? 1 : 0), $1 }'
}

bench_result() { # NAME
  local percent
  case $1 in
    kernels)
      numbers_of "$1" floor_percent | awk -v RS=' / ' '{ n++; if ($1 >= 85) good++ }
        END { printf "%d of %d ops at 85 %% of their floor or more", good, n }'
      ;;
    *)
      percent=$(numbers_of "$1" peak_percent)$(numbers_of "$1" read_percent)
      echo "$(numbers_of "$1" tokens_per_s) tokens/s${percent:+, $percent % of the peak}"
      ;;
  esac
}

check_bench() {
  local name python=${PYTHON:-python3} peer on=(--device cuda --dtype bf16)
  local huginn=(--n-embd 5280 --n-heads 55 --intermediate-size 17920 --vocab-size 65536 --layers 2+4+2)
  local step=("${huginn[@]}" --no-grad 25 --with-grad 8 --sequences 1 --seq-len 1024)
  peer=("${outside[@]}" "$python" "$top/tools/bench/peer_torch.py")
  local has_torch=false cuda_is_there='import torch; raise SystemExit(not torch.cuda.is_available())'
  if timeout 60 "${outside[@]}" "$python" -c "$cuda_is_there" 2>/dev/null; then has_torch=true; fi
  submit decode "$bin/modr" bench decode "${on[@]}" --json "${huginn[@]}" --batch 1,64
  submit train-modr "$bin/modr" bench train "${on[@]}" --json "${step[@]}" --mode modr
  submit train-lora "$bin/modr" bench train "${on[@]}" --json "${step[@]}" --mode lora
  submit kernels "$bin/modr" bench kernels "${on[@]}" --json "${huginn[@]}" --sequences 1
  if $has_torch; then
    submit torch-train-modr "${peer[@]}" train "${on[@]}" "${step[@]}" --mode modr
    submit torch-decode-1 "${peer[@]}" decode "${on[@]}" "${huginn[@]}" --batch 1
    submit torch-decode-64 "${peer[@]}" decode "${on[@]}" "${huginn[@]}" --batch 64
    submit torch-train-modr-compiled "${peer[@]}" train "${on[@]}" "${step[@]}" --mode modr --how compile
    submit torch-decode-1-compiled "${peer[@]}" decode "${on[@]}" "${huginn[@]}" --batch 1 --how compile
  fi
  wait
  for name in "${names[@]}"; do
    if [[ $(code_of "$name") == 0 ]] && ! grep -qE '"(tokens_per_s|floor_percent)": [0-9]' "$work/$name.out"; then
      row "$name" FAILED "no rates in what it printed"
    elif [[ $(code_of "$name") == 0 ]]; then
      row "$name" passed "$(bench_result "$name")" "$work/$name.out"
    elif is_out_of_time "$name" && [[ $name == torch-*-compiled ]]; then
      row "$name" skipped "$(ending_of "$name")"
    else
      row "$name" FAILED "$(ending_of "$name")"
    fi
  done
  $has_torch || row torch skipped "$python has no torch that sees a GPU"
}
