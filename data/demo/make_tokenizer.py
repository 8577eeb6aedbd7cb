#!/usr/bin/env python3
"""Trains data/demo/tokenizer.json: a byte-level BPE of 512 tokens for the generated word problems.

usage: modr make-data --output DIR && python3 data/demo/make_tokenizer.py DIR data/demo/tokenizer.json
Needs `tokenizers` from PyPI. The same DIR gives the same file.
"""

import json
import pathlib
import sys

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

VOCAB_SIZE = 512
SPECIALS = ["<|begin_text|>", "<|end_text|>", "<|begin_header|>", "<|end_header|>", "<|end_turn|>", "<|pad|>"]

# Pieces: a digit is always one; a word takes the space in front of it, and the one behind it too where a digit
# follows, so that no token is spent on spaces; "\n#### " is one piece. The last two alternatives catch all the rest.
PIECES = r"\p{N}|\n#### | ?\p{L}+ (?=\p{N})| ?\p{L}+|[^\s\p{L}\p{N}]|\s"


def training_text(folder):
    for name in ("pretrain.jsonl", "finetune.jsonl"):
        with open(folder / name, encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                yield record["question"] + "\n" + record["answer"]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, output = map(pathlib.Path, sys.argv[1:])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PIECES), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - len(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_text(folder), trainer)
    tokenizer.add_special_tokens(SPECIALS)
    begin = SPECIALS[0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))])
    tokenizer.save(str(output))
    print(f"{output}: {tokenizer.get_vocab_size()} tokens", file=sys.stderr)


if __name__ == "__main__":
    main()
