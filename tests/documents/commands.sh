#!/usr/bin/env bash
# commands.sh BIN REPOSITORY FILE...: runs every command that the Markdown files show, as it stands there, in a folder
# that is like a clone after launch/demo's build, only with small models and few steps. What makes a command short and
# what is not run at all stands below, with the reasons; any other that fails is a failure.
export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
source "$(dirname "${BASH_SOURCE[0]}")/../scenario/lib.sh"
bin=$(dirname "$modr")
export MODR_REAL_BUILD=${bin%/bin}
unset MODR_BUILD CI

# Not run: a pattern a line, and the reason.
not_run=$(
  cat <<'TEXT'
^python tools/bench/peer_torch.py|needs PyTorch
^mpirun.mpich|needs MPICH and a build with it
^launch/gpu_check|needs a GPU, and to pack for one the CUDA Toolkit; with stand-ins it is the test gpu_check/selftest
^launch/local N$|names what its argument is
^launch/fuzz|needs Clang and a build of its own, and takes minutes; the seeds are replayed by fuzz/*
^tests/scenario/faults.sh|takes hours; 6 runs are the test scenario/faults
^tests/scenario/bare_root.sh|makes a whole system, as root, from a mirror; half an hour
TEXT
)

# What is put in place of what, so that it is short: sed's expressions.
small_bench='--repeats 1 --n-embd 32 --n-heads 2 --intermediate-size 48 --vocab-size 64 --layers 1+1+1'
small_steps='--sequences 2 --seq-len 8'
shorter() {
  sed -E \
    -e 's/ +# .*//' \
    -e 's/ \[(-[^]|]*)(\|[^]]*)?\]/ \1/g' `# a synopsis: what may be given is given, of a|b the first` \
    -e "/^modr bench train/s/ \[sizes\]/ $small_bench $small_steps --no-grad 1 --with-grad 1 --steps 1/" \
    -e "/^modr bench decode/s/ \[sizes\]/ $small_bench --prompt 3 --new-tokens 2/" \
    -e "/^modr bench kernels/s/ \[sizes\]/ $small_bench $small_steps/" \
    -e "/^launch\/bench /{s/-- sizes/-- $small_bench/;s/train,decode-1/decode-1/;s/f32,bf16/f32/}" \
    -e 's/^launch\/demo( |$)/launch\/demo --quick --num-steps 1\1/' \
    -e 's/^launch\/local [0-9]+ eval .*/& --limit 2 --max-new-tokens 4/' \
    -e 's/ \[sbatch options\]/ --ntasks=2/' \
    -e 's/^(modr [a-z-]+( [a-z]+)?)$/\1 --help/'
}

# A clone, with the reference numbers beside it. Programs that would build, install or hand work to others are stand-ins.
mkdir clone
ln -s "$repository/../shared" shared
cd clone
for folder in .ci launch configs data tests tools cmake; do cp -r "$repository/$folder" .; done
sed -i -E 's/^( *(n_embd|intermediate_size|vocab_size|n_heads|block_size):).*/\1 @\2@/;
  s/@n_embd@/32/; s/@intermediate_size@/48/; s/@n_heads@/2/; s/@vocab_size@/450/; s/@block_size@/128/' configs/model/{demo,gsm8k_small}.yaml
sed -i -E 's/^( *steps:).*/\1 4/; s/^( *warmup_steps:).*/\1 1/; s/^( *(global_batch|microbatch):).*/\1 4/;
  s/^( *max_seq_len:).*/\1 96/' configs/run/*.yaml
mkdir -p stand_ins build/release
stand_in() { { echo '#!/usr/bin/env bash'; cat; } > "stand_ins/$1"; chmod +x "stand_ins/$1"; }
stand_in dpkg-query <<< 'echo installed  # every package'
stand_in cmake <<'SH'
# Everything is built already: cmake -B FOLDER and cmake --build FOLDER link what is there.
while (($#)) && [[ $1 != -B && $1 != --build ]]; do shift; done
[[ ${2:-} == [!-]* ]] || { echo "cmake: no folder of a build in the clone: '${2:-}'" >&2; exit 1; }
mkdir -p "$2"
ln -sfn "$MODR_REAL_BUILD/bin" "$2/bin"
echo "subdirs(\"$MODR_REAL_BUILD/tests\")" > "$2/CTestTestfile.cmake"
SH
stand_in ninja <<'SH'
# Built already, too; but a target has to be one.
while (($#)) && [[ $1 != -C ]]; do shift; done
for target in "${@:3}"; do grep -q "^build $target[ :]" "$MODR_REAL_BUILD/build.ninja" || { echo "no target $target"; exit 1; }; done
SH
stand_in ctest <<SH
# A test cannot run all tests: they are listed, and there has to be one (where all of them are built).
list() { $(command -v ctest) -N "\$@"; }
list "\$@" | tee listed.txt
! grep -q 'Total Tests: 0' listed.txt || list --test-dir $PWD/build/release | grep -q _NOT_BUILT
SH
stand_in sbatch <<'SH'
# Takes a job whose script and files are there.
script=''
while (($#)); do
  case $1 in
    *.sbatch) script=$1 ;;
    *.yaml) [[ -f $1 ]] || { echo "sbatch: no run file $1"; exit 1; } ;;
    --checkpoint | --data | --config) [[ -e $2 ]] || { echo "sbatch: $1: no $2"; exit 1; } ;;
  esac
  shift
done
bash -n "${script:?expected a script}" && echo 1
SH
ln -s "$modr" stand_ins/modr
PATH=$PWD/stand_ins:$PATH
cmake -B build/release

# Files of a user's own, under the names that the texts give them.
modr make-data --output data/gsm8k --pretrain 200 --finetune 10 --test 4 > /dev/null
mv data/gsm8k/pretrain.jsonl data/gsm8k/train.jsonl
mv data/gsm8k/test/gain.jsonl data/gsm8k/test.jsonl
rm -r data/gsm8k/{test,finetune.jsonl,manifest.json}
cp data/demo/tokenizer.json data/gsm8k/tokenizer.json
ln -s data/demo/tokenizer.json tokenizer.json
echo "Tom has 3 apples." > TEXT.txt
if [[ -d ../shared/golden ]]; then
  ln -s ../shared/golden/huginn_tiny.h5 GOLDEN.h5
else
  not_run+=$'\n^modr verify .*h5|needs the reference numbers of ../shared'
fi
# What the demo leaves, whose checkpoints are those of more steps when it is not shortened.
after_demo() {
  ln -sf "$(< runs/demo/modr/checkpoints/latest)" runs/demo/modr/checkpoints/step_00000400.h5
  cp runs/demo/modr/checkpoints/step_00000400.h5 CHECKPOINT.h5
  cp CHECKPOINT.h5 A.h5
  cp CHECKPOINT.h5 B.h5
}

reason_against() {
  local pattern reason
  while IFS='|' read -r pattern reason; do
    if [[ $1 =~ $pattern ]]; then echo "$reason"; return; fi
  done <<< "$not_run"
}

for file in "${@:3}"; do
  awk -f tests/documents/commands.awk "$repository/$file" >> all.txt || die "$file"
done
awk '!seen[$0]++' all.txt > commands.txt
expect test "$(wc -l < commands.txt)" -ge 20
ran=0
while IFS= read -r -u 9 command; do
  reason=$(reason_against "$command")
  if [[ -n $reason ]]; then
    # (What is not ours, as MPICH, may be missing here.)
    if [[ ${command%% *} == */* ]]; then expect type "${command%% *}" > /dev/null; fi
    echo "not run: $command ($reason)"
    continue
  fi
  run=$(shorter <<< "$command")
  start=$SECONDS
  bash -euo pipefail -c "$run" > out.txt 2>&1 < TEXT.txt || { cat out.txt; die "\`$command\` as \`$run\`"; }
  echo "$((SECONDS - start)) s: $run"
  ran=$((ran + 1))
  if [[ $command =~ ^launch/demo ]]; then after_demo; fi
done 9< commands.txt
echo "passed: $ran commands"
