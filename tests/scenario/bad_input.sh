#!/usr/bin/env bash
# Each kind of bad input: one clear line that names the place and what was expected, the right exit code, no harm done.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run base pretrain 0 "steps: 2"
silently on_ranks 1 train --config base.yaml
good=runs/base/checkpoints/step_00000002.h5

# refused CODE PATTERN COMMAND...: the command fails so, with one line that matches.
refused() {
  local code=$1 pattern=$2 found=0
  shift 2
  timeout 60 "$@" > out.txt 2> err.txt || found=$?
  [[ $found == "$code" ]] || { cat err.txt; die "exit code $found instead of $code: $*"; }
  grep -q -- "$pattern" err.txt || { cat err.txt; die "expected '$pattern': $*"; }
  [[ $(grep -c . err.txt) == 1 ]] || { cat err.txt; die "expected one line: $*"; }
}
train() { refused 1 "$1" "$modr" train --config base.yaml --set train.output=runs/new "${@:2}"; }

bad_size() {  # PATTERN SED-EXPRESSION, in the run file
  sed "$2" base.yaml > bad.yaml
  refused 1 "$1" "$modr" train --config bad.yaml --set train.output=runs/new
}
bad_size "n_embd: expected a multiple of n_heads" 's/n_heads: 2/n_heads: 3/'
bad_size "even head size" 's/n_heads: 2/n_heads: 32/'
bad_size "bad.yaml:5: model.n_heads" 's/n_heads: 2/n_heads: two/'
bad_size "did you mean 'n_heads'" 's/n_heads: 2/n_head: 2/'
train "vocab_size: 100" --set model.vocab_size=100  # the tokenizer has more ids
train "no-such.jsonl" --set "data.train=[no-such.jsonl]"
: > empty.jsonl
train "empty.jsonl" --set "data.train=[empty.jsonl]"
printf '{"question": "a", "answer": "1 #### 1"}\n{"question": \n' > broken.jsonl
train "broken.jsonl:2" --set "data.train=[broken.jsonl]"
# What a file or an argument holds reaches the terminal as text only.
printf '{"question": "caf\xe9 \x1b[2J", "answer": "1 #### 1"}\n' > bytes.jsonl
train 'bytes.jsonl:1: malformed JSON: .*caf\\xE9' --set "data.train=[bytes.jsonl]"
expect test "$(LC_ALL=C grep -c '[^ -~]' err.txt)" = 0
refused 2 'unknown command .a\\x1B\\xFF' "$modr" $'a\x1b\xff'
printf '{"question": "a"}\n' > field.jsonl
train "answer" --set "data.train=[field.jsonl]"
head -c 1000 "$repository/data/demo/tokenizer.json" > tokenizer.json
train "tokenizer.json" --set data.tokenizer=tokenizer.json
train "missing.h5" --set train.init_from=missing.h5
refused 2 "did you mean 'n_heads'" "$modr" train --config base.yaml --set model.n_head=2
refused 2 "expected --config" "$modr" train

head -c 5000 $good > short.h5
echo "no HDF5 here" > text.h5
evaluate() { refused 1 "$1" "$modr" eval --data data --tasks gain --checkpoint "$2"; }
# The wrong file, and a damaged one, are not the same.
for read in evaluate inspect verify compare; do
  inspect() { refused 1 "$1" "$modr" inspect "$2"; }
  verify() { refused 1 "$1" "$modr" inspect --verify "$2"; }
  compare() { refused 1 "$1" "$modr" diff "$2" $good; }
  $read "missing.h5: no such file" missing.h5
  $read "data: a folder without checkpoints/latest: expected a checkpoint or the folder of a run" data
  $read "text.h5: not an HDF5 file" text.h5
  $read "old_format.h5: of HDF5's old format, .*'h5repack -L " "$repository/tests/fuzz/seeds/checkpoint/old_format.h5"
  [[ $read == verify ]] || $read "short.h5: damaged or cut short: " short.h5
done
refused 1 "no-such-task" "$modr" eval --data data --tasks no-such-task --checkpoint $good
code=0
"$modr" inspect --verify short.h5 > out.txt 2> err.txt || code=$?
expect test "$code $(wc -l < out.txt) $(wc -c < err.txt)" = "1 2 0"
expect grep -q "short.h5: damaged: 1 problem" out.txt
if [[ -d $repository/../shared/golden ]]; then
  evaluate "checkpoint" "$repository/../shared/golden/huginn_tiny.h5"  # HDF5, but not a checkpoint
fi
expect test ! -e runs/new/checkpoints
# On several ranks the same single line, and the job ends.
code=0
on_ranks 2 train --config base.yaml --set train.output=runs/new --set model.n_heads=3 2> err.txt || code=$?
expect test "$code" = 1
expect test "$(grep -c 'multiple of n_heads' err.txt)" = 1
expect "$modr" inspect $good > /dev/null
echo "passed"
