#!/usr/bin/env bash
# gpu_check_test.sh REPOSITORY: launch/gpu_check with stand-ins for the GPU and for all programs: what passes, fails, dies
# and hangs stands in the table and in the JSON, nothing stops the rest, and exit codes say how it went; and what
# --pack hands to the bundle.
# shellcheck disable=SC2016  # the stand-ins' variables
set -euo pipefail
repository=$(realpath "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset MODR_BUILD CI OUT
die() { echo "FAILED: $*" >&2; exit 1; }
stand_in() { mkdir -p "$(dirname "$1")"; { echo '#!/usr/bin/env bash'; cat; } >"$1"; chmod +x "$1"; }
# code_is CODE ARGUMENTS...: runs gpu_check of the clone.
code_is() {
  local code=0
  PATH=$work/fake:$PATH PYTHON=$work/fake/python clone/launch/gpu_check "${@:2}" >said.txt 2>&1 || code=$?
  ((code == $1)) || die "gpu_check ${*:2}: exit code $code instead of $1: $(<said.txt)"
}
# The table says of a command: is PART WHAT RESULT (a pattern).
is() { grep -qE "^\| $1 +\| $2 +\| $3" said.txt || die "no row $1, $2, $3 in: $(<said.txt)"; }

mkdir -p clone/{tests,tools,data} shared/golden shared/upstream/cache
cp -r "$repository/launch" clone
cp -r "$repository/tests/scenario" clone/tests
cp -r "$repository/tools/bench" clone/tools
cp -r "$repository/data/demo" clone/data
cp -r "$repository/configs" clone
bin=clone/build/gpu/bin

# No GPU, nothing built, wrong options.
stand_in fake/nvidia-smi <<<'echo "No devices were found" >&2; exit 6'
code_is 1
[[ $(<said.txt) == "gpu_check: no GPU (nvidia-smi lists none)" ]] || die "without a GPU: $(<said.txt)"
stand_in fake/nvidia-smi <<<'echo "Stand-in, 81559 MiB, 580.1"'
code_is 1
grep -q '^gpu_check: no .*bin/modr, and no .gpu/' said.txt || die "without a build: $(<said.txt)"
for wrong in "--only kernel" "--only kernels,,golden" "--only" "--limit 0" "--limit 1m" "--fast" "kernels"; do
  # shellcheck disable=SC2086
  code_is 2 $wrong
done
code_is 0 --help

# Tests that pass, fail, die and hang; golden files likewise.
test_of() { # NAME LINES OF THE END
  stand_in "$bin/hardware_$1" <<SH
echo '[ RUN      ] A.Passes'
echo '[       OK ] A.Passes (0 ms)'
echo '[ RUN      ] B/0.Second'
$2
SH
}
ok=$'echo "[       OK ] B/0.Second (3 ms)"\nfor a; do case $a in --gtest_output=json:*) echo \'{"tests": 2}\' >"${a#*json:}" ;; esac; done'
test_of good "$ok"
test_of bad $'echo "[  FAILED  ] B/0.Second, where TypeParam = float (3 ms)"; echo "[  FAILED  ] B/0.Second, where TypeParam = float"; exit 1'
test_of dies $'kill -SEGV $$'
test_of hangs 'sleep 600'
test_of late "$ok"
stand_in $bin/hardware_none <<<'exit 0'
stand_in $bin/modr <<'SH'
echo "$*" >>"$MODR_SAID"
table() { printf 'what error tolerance kind\n----\n'; printf 'expected/%s  %s  5.0e-05  %s  %s\n' "$@"; }
case $* in
  'verify --device cuda --dtype f32 '*bad.h5) table logits 9.00e-01 relative FAILED x 0.00e+00 exact ok; exit 1 ;;
  'verify --device cuda --dtype f64 '*bad.h5) table a 1.00e-09 relative ok b nan relative FAILED; exit 1 ;;
  'verify --device cuda --dtype bf16 '*bad.h5) echo 'modr verify: no memory "here"' >&2; exit 1 ;;
  'verify --device cuda '*) table a 2.50e-07 relative ok b 1.25e-06 relative ok c_f32 2.00e-06 relative ok loss 9.00e-03 absolute ok ;;
  'bench decode --device cuda '*) printf '{\n  "decode": [\n{\n  "tokens_per_s": 71.26,\n  "read_percent": 90.5\n},{\n  "tokens_per_s": 2640.2,\n  "read_percent": 52\n}]\n}\n' ;;
  'bench kernels --device cuda '*) printf '{"kernels": [{\n "floor_percent": 91.2\n}, {\n "floor_percent": 40\n}]}' ;;
  'bench train --device cuda '*modr*) printf '{\n "tokens_per_s": 3000,\n "peak_percent": 61.0\n}' ;;
  'bench train --device cuda '*) if $LORA_HANGS; then sleep 600; fi; printf '{\n "tokens_per_s": 3100\n}' ;;
  *) exit 2 ;;
esac
SH
export MODR_SAID=$work/said_to_modr.txt LORA_HANGS=true
for name in good bad huginn_adaptive; do echo "$name" >shared/golden/$name.h5; done
echo x >shared/upstream/cache/cache_x.h5
stand_in clone/tests/scenario/gpu.sh <<<'[[ -x $1/modr && -e $2/tests ]] || exit 3; echo "losses of a and b"; exit 1'
stand_in fake/compute-sanitizer <<'SH'
echo "$*" >>"$MODR_SAID"
case $* in
  *memcheck*good*) echo '[       OK ] A.Passes (0 ms)'; echo '========= ERROR SUMMARY: 0 errors' ;;
  *memcheck*bad*) echo '========= ERROR SUMMARY: 3 errors'; exit 99 ;;
  *memcheck*dies*) echo '========= Error: Device not supported' >&2; exit 1 ;;
  *racecheck*) sleep 600 ;;
  *) echo '========= ERROR SUMMARY: 0 errors' ;;
esac
SH
stand_in fake/python <<'SH'
case $1 in -c) exit 0 ;; esac
[[ -e $1 && "$*" == *'--device cuda'* && $LD_LIBRARY_PATH != *bundle* ]] || exit 5
echo '{"what": "torch",'; echo '  "tokens_per_s": 1234.5'; echo '}'
SH

# Each part by itself, so that one that hangs has not all the time.
code_is 1 --only kernels --limit 8 --output kernels
is kernels hardware_good "passed: 2 passed +\|"
is kernels hardware_late "passed: 2 passed +\|"
is kernels hardware_bad "FAILED: 1 passed, 1 failed: B/0.Second +\|"
is kernels hardware_dies "FAILED: 1 passed; killed by SIGSEGV, in B/0.Second"
is kernels hardware_hangs "FAILED: 1 passed; stopped after [1-5] s, in B/0.Second"
is kernels hardware_none "FAILED: 0 passed; exit code 0"
code_is 1 --only golden --limit 60 --output golden
is golden good.f32 "passed: largest relative error 2.00e-06, expected/c_f32"
is golden good.f64 "passed: largest relative error 1.25e-06"
is golden good.bf16 "passed"
is golden bad.f32 "FAILED: largest relative error 9.00e-01, expected/logits; 1 past their tolerance: expected/logits"
is golden bad.f64 "FAILED: largest relative error nan, expected/b; 1 past"
is golden bad.bf16 'FAILED: exit code 1: modr verify: no memory "here"'
is golden huginn_adaptive.f32 "passed"
is golden cache_x.f64 "passed"
(($(grep -c '^| golden' said.txt) == 9)) || die "golden files in all types: $(<said.txt)"
code_is 1 --only sanitizer --limit 8 --output sanitizer
is sanitizer memcheck.hardware_good "passed: 0 errors in 1 tests"
is sanitizer memcheck.hardware_bad "FAILED: 3 errors"
is sanitizer memcheck.hardware_dies "skipped: it refuses this device"
is sanitizer racecheck.hardware_good "skipped: .*(stopped after|not run: no time left)"
code_is 1 --only bench --limit 8 --output bench
is bench decode "passed: 71.3 / 2640 tokens/s, 90.5 / 52.0 % of the peak"
is bench kernels "passed: 1 of 2 ops at 85 % of their floor or more"
is bench train-modr "passed: 3000 tokens/s, 61.0 % of the peak"
is bench train-lora "FAILED: stopped after"
is bench torch-decode-64 "passed: 1234 tokens/s"

# All parts, twice over, into $OUT; the JSON has what the table has.
mkdir out
export OUT=$work/out
code_is 1 --limit 20
for part in kernels golden sanitizer train bench; do
  is $part '[^ ]+' '(passed|FAILED|skipped)'
  [[ -s out/$part.log ]] || die "no log of $part"
done
is train gpu.sh "FAILED: exit code 1: losses of a and b"
((SECONDS < 600)) || die "that took $SECONDS s"
cat >results.cmake <<'CMAKE'
file(READ out/results.json results)
file(STRINGS said.txt table REGEX "^[|] [a-z]+ +[|] [^ ]+ +[|] (passed|FAILED|skipped)")
function(expect found expected)
  if(NOT found STREQUAL expected)
    message(FATAL_ERROR "results.json: found '${found}', expected '${expected}'")
  endif()
endfunction()
string(JSON rows LENGTH "${results}" rows)
list(LENGTH table lines)
expect(${rows} ${lines})
if(rows LESS_EQUAL 30)
  message(FATAL_ERROR "${rows} rows")
endif()
string(JSON card GET "${results}" card)
expect("${card}" "Stand-in, 81559 MiB, 580.1")
set(sum 0)
foreach(state passed failed skipped)
  string(JSON count GET "${results}" ${state})
  math(EXPR sum "${sum} + ${count}")
endforeach()
expect(${sum} ${rows})
math(EXPR last "${rows} - 1")
foreach(i RANGE ${last})
  list(GET table ${i} line)
  string(REGEX MATCH "^[|] [a-z]+ +[|] ([^ ]+) +[|] (passed|FAILED|skipped)" all "${line}")
  set(what ${CMAKE_MATCH_1})
  set(state ${CMAKE_MATCH_2})
  string(JSON found GET "${results}" rows ${i} what)
  expect("${found}" "${what}")
  string(JSON found GET "${results}" rows ${i} state)
  expect("${found}" "${state}")
  if(what STREQUAL "hardware_good")
    string(JSON tests GET "${results}" rows ${i} data tests)
  elseif(what STREQUAL "good.f32")
    string(JSON largest GET "${results}" rows ${i} data largest_relative_error)
    string(JSON at GET "${results}" rows ${i} data at)
  endif()
endforeach()
expect("${tests}" 2)
expect("${largest}, ${at}" "2.00e-06, expected/c_f32")
CMAKE
cmake -P results.cmake || die "results.json beside the table: $(<said.txt)"
unset OUT

# Nothing fails; and from a bundle, which --pack makes of what was built for a GPU.
rm $bin/hardware_{bad,dies,hangs,none} shared/golden/bad.h5
stand_in clone/tests/scenario/gpu.sh <<<'[[ -x $1/modr && -e $2/data/demo/tokenizer.json ]]'
stand_in fake/dpkg-query <<<'echo installed'
command -v xz >/dev/null || stand_in fake/xz <<<'if [[ $1 == -dc ]]; then cat "$2"; else cat; fi'
stand_in fake/cmake <<<'echo "$*" >>"$MODR_SAID"'
stand_in fake/nvcc <<<'exit 1'
stand_in fake/python3 <<<'echo "$*" >>"$MODR_SAID"; exit 1'
stand_in shared/gpu/bundle <<'SH'
mkdir -p .gpu
tar -czf .gpu/bundle.tar.gz "$@"
cat >.gpu/enter <<'ENTER'
root=$MODR_GPU_ROOT
bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/bundle.tar.gz
mkdir -p "$root" && tar -C "$root" -xzf "$bundle" && cd "$root" || return 1
export LD_LIBRARY_PATH=$root/bundle
ENTER
SH
printf '%s\n' /build/ /.gpu/ >clone/.gitignore
git -C clone init -q
git -C clone add .
git -C clone -c user.name=test -c user.email=test@localhost commit -q -m "all of it"
code_is 0 --pack
grep -qE '^-S .*/clone -B .*/clone/build/gpu --preset release -DMODR_CUDA=toolkit -DMODR_ARCH=x86-64-v3$' "$MODR_SAID" ||
  die "what cmake was told: $(<"$MODR_SAID")"
grep -qE '^--build .*/clone/build/gpu --target modr hardware$' "$MODR_SAID" || die "what was built: $(<"$MODR_SAID")"
grep -qE '^-m pip install .*--target .*/clone/build/python .*nvidia-cudnn-frontend==[0-9.]+$' "$MODR_SAID" ||
  die "cudnn-frontend was not asked for: $(<"$MODR_SAID")"
grep -q 'no attention by cuDNN$' said.txt || die "a wheel that does not come is not told of: $(<said.txt)"
grep -qE 'MiB; 64 MiB may travel$' said.txt || die "no size: $(<said.txt)"
rm -r clone/build shared
export MODR_GPU_ROOT=$work/root
LORA_HANGS=false code_is 0 --only kernels,golden,train,bench --limit 60 --output packed
is kernels hardware_good passed
is golden cache_x.f32 passed
is train gpu.sh passed
is bench torch-decode-1 "passed: 1234 tokens/s"  # whose libraries are not the bundle's
[[ $(ls packed) == $'bench.log\ngolden.log\nkernels.log\nresults.json\ntrain.log' ]] || die "output: $(ls packed)"
echo "passed"
