#!/usr/bin/env bash
# A run is never lost and never quietly another run: what is in a folder stays until it is replaced for good, and a
# checkpoint is gone on from by the run that wrote it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data
small_run base pretrain 0 "steps: 4" "checkpoint_every: 2" "keep_checkpoints: 0"
small_run branches modr 3 "steps: 2" "init_from: runs/base" "output: runs/other"
train() { "$modr" train --config base.yaml --set "train.output=runs/$1" "${@:2}" > out.txt 2> err.txt; }
# refuses RUN TEXT ARGUMENTS...: the start ends with 1 (or 2) and says TEXT, and nothing in the run has changed.
refuses() {
  local before after code=0
  before=$(find "runs/$1" -type f -exec md5sum {} + | sort)
  train "$1" "${@:3}" || code=$?
  ((code == 1 || code == 2)) || die "${*:3}: ended with $code: $(< err.txt)"
  grep -qF -- "$2" err.txt || die "${*:3}: expected '$2' in: $(< err.txt)"
  after=$(find "runs/$1" -type f -exec md5sum {} + | sort)
  [[ $before == "$after" ]] || die "${*:3}: the run has changed: $before -> $after"
}
expect train base

# What is wrong is seen before the old run goes.
refuses base "parallel.data" --overwrite --set parallel.data=5
refuses base "init_from is a checkpoint of the run that --overwrite would replace" --overwrite --set train.init_from=runs/base
refuses base "model.n_embd: was 32, is 64" --resume auto --set model.n_embd=64
train base --overwrite --set train.init_from=missing.h5 && die "a missing init_from"
expect test "$(wc -l < runs/base/metrics.jsonl)" = 4

# Without `latest` it is still a run.
cp -r runs/base runs/unnamed
rm runs/unnamed/checkpoints/latest
refuses unnamed "holds a run already" --set seed=9
expect train unnamed --resume auto --set train.steps=5
expect grep -q "latest is missing: taking step_00000004.h5" err.txt
expect grep -q "resumed from .*step_00000004.h5 after step 4" err.txt

# Another run does not go on under its name.
for change in model.rope_base=10000 model.norm_eps=1e-5 model.emb_scale=2; do
  refuses base "${change%=*}: was " --resume auto --set train.steps=7 --set "$change"
done
sed 's/"Ġthe"/"Ġteh"/' "$repository/data/demo/tokenizer.json" > other_tokenizer.json
cmp -s other_tokenizer.json "$repository/data/demo/tokenizer.json" && printf ' ' >> other_tokenizer.json
refuses base "the tokenizer: was " --resume auto --set train.steps=7 --set data.tokenizer=other_tokenizer.json
refuses base "the tokenizer: was " --resume auto --set train.steps=7 --set data.tokenizer=
refuses base "data.loss_on: was " --resume auto --set train.steps=7 --set data.loss_on=answer
cp data/pretrain.jsonl data/longer.jsonl
tail -1 data/pretrain.jsonl >> data/longer.jsonl
refuses base "the training rows: was " --resume auto --set train.steps=7 --set "data.train=[data/longer.jsonl]"
cp -r runs/base runs/more
expect train more --resume auto --set train.steps=5 --accept-changed-data --set "data.train=[data/longer.jsonl]"
expect grep -q "the training rows: was" err.txt
mv data/pretrain.jsonl data/moved.jsonl
cp -r runs/base runs/moved
expect train moved --resume auto --set train.steps=5 --set optim.lr=1e-3 --set "data.train=[data/moved.jsonl]"
expect grep -q "optim.lr: was 0.003, is 0.001" err.txt
mv data/moved.jsonl data/pretrain.jsonl
"$modr" train --config branches.yaml --set model.n_layers_in_coda=0 > out.txt 2> err.txt && die "fewer layers than init_from has"
grep -q "model.n_layers_in_coda: was [0-9]*, is 0" err.txt || die "fewer layers: $(< err.txt)"

# A frozen backbone is named; resuming needs it no more.
"$modr" train --config branches.yaml --set train.init_from= > out.txt 2> err.txt && die "a random backbone without a word"
expect grep -q "the word scratch" err.txt
"$modr" train --config branches.yaml --set train.init_from=scratch --set train.output=runs/random > out.txt 2> err.txt || die "$(< err.txt)"
"$modr" train --config branches.yaml > out.txt 2> err.txt || die "$(< err.txt)"
mv runs/base runs/elsewhere
"$modr" train --config branches.yaml --resume auto --set train.steps=3 > out.txt 2> err.txt || die "$(< err.txt)"
mv runs/elsewhere runs/base

# What was measured once belongs to the run: a resumed run does not measure again, and places branches as before.
placed() { on_ranks 2 train --config branches.yaml --set train.output=runs/placed "$@" > out.txt 2> err.txt || die "$(< err.txt)"; }
placed --set parallel.placement=auto --set parallel.branch=2
grep -q "placement: .*, since a step takes" err.txt || die "nothing was measured: $(< err.txt)"
decision=$(grep "placement: " runs/placed/config.yaml)
[[ $decision == *replicate || $decision == *exchange ]] || die "the decision is not in the config: $decision"
placed --set parallel.placement=auto --set parallel.branch=2 --set train.steps=3 --resume auto
grep -q "since a step takes" err.txt && die "measured again"
expect test "$(grep "placement: " runs/placed/config.yaml)" = "$decision"

# A resume that fails half-way leaves the record whole.
before=$(md5sum < runs/base/metrics.jsonl)
code=0
(ulimit -f 4; train base --resume auto --set train.steps=5) || code=$?
((code == 1 || code == 153)) || die "a full disk ended with $code: $(< err.txt)"
expect test "$(head -4 runs/base/metrics.jsonl | md5sum)" = "$before"

# One job a folder.
"$modr" train --config base.yaml --set train.output=runs/shared --set train.steps=100000 > first.txt 2>&1 &
job=$!
under_way shared 3 "$job" || die "$(< first.txt)"
train shared --resume auto && die "two jobs in one folder"
expect grep -q "another job has this run: process $job on " err.txt
kill -TERM "$job"
code=0
wait "$job" || code=$?
expect test "$code" = 4
expect test ! -e runs/shared/lock
expect train shared --resume auto --set "train.steps=$(($(wc -l < runs/shared/metrics.jsonl) + 1))"
echo "passed"
