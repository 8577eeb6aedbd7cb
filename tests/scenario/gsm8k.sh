#!/usr/bin/env bash
# A short run on real GSM8K with Huginn's own tokenizer: two ranks, pre-training, branches, evaluation.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
data=$repository/../shared/data
if [[ ! -f $data/gsm8k/train.jsonl ]]; then
  echo "skipped: no GSM8K in ../shared/data"
  exit 77
fi
common=(--set "data.train=[$data/gsm8k/train.jsonl]" --set "data.tokenizer=$data/tokenizer/tokenizer.json"
  --set train.global_batch=4 --set train.microbatch=2 --set train.log_every=1 --set optim.warmup_steps=1)
configs=$repository/configs/run
on_ranks 2 train --config "$configs/gsm8k_pretrain.yaml" "${common[@]}" --set train.steps=2 \
  > pretrain.out 2> pretrain.log || { cat pretrain.log; die "pre-training"; }
on_ranks 2 train --config "$configs/gsm8k_modr.yaml" "${common[@]}" --set train.steps=1 \
  --set train.init_from=runs/gsm8k_pretrain > modr.out 2> modr.log || { cat modr.log; die "branches"; }
on_ranks 2 eval --data "$data" --tasks gsm8k --limit 4 --num-steps 2 --max-new-tokens 4 --batch 2 \
  --checkpoint runs/gsm8k_modr --output results > table.txt 2> eval.log || { cat eval.log; die "evaluation"; }
expect test "$(wc -l < results/samples.jsonl)" = 4
cat table.txt
echo "passed"
