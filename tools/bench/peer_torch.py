#!/usr/bin/env python3
"""The model of modr in PyTorch (torch_model.py): what `modr bench train | decode` is held against.

    python peer_torch.py train  [--dtype f32|bf16] [--how eager|compile] [--mode pretrain|lora|modr] [sizes]
    python peer_torch.py decode [--dtype f32|bf16] [--how eager|compile] [--batch 1] [sizes]
    python peer_torch.py check GOLDEN.h5...     largest logit and loss errors against golden files (needs h5py)

Prints one JSON object; --device cuda is for the first two. Sizes and their defaults are those of `modr bench`. bf16 is autocast over float32 weights in
training, and weights of bf16 in decoding (what reads least).
"""
import argparse
import json
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from torch_model import Config, Model


def train(args):
    config = config_of(args)
    config.n_branches = {"pretrain": 0, "lora": 1, "modr": args.branches}[args.mode]
    model = Model(config)
    model.initialize()
    if args.mode != "pretrain":
        for name, p in model.named_parameters():
            p.requires_grad = "lora_" in name or "router" in name
    dtype = torch.bfloat16 if args.dtype == "bf16" else torch.float32
    if args.dtype == "bf16":
        model.autocast = lambda: torch.autocast(args.device, torch.bfloat16)
    if args.how == "compile":
        model.compile_blocks()
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in trained if p.dim() in (2, 3)], "weight_decay": 0.1},
              {"params": [p for p in trained if p.dim() not in (2, 3)], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=1e-5, betas=(0.9, 0.95), fused=True)
    mask = torch.ones(args.sequences, args.seq_len, dtype=torch.long)

    def step():
        ids, labels = torch.randint(config.vocab_size, (2, args.sequences, args.seq_len))
        optimizer.zero_grad(set_to_none=True)
        states = model.random_states(args.sequences, args.seq_len, dtype)
        logits, counts = model(ids, states, args.no_grad, args.with_grad, mask)
        loss = F.cross_entropy(logits.float().flatten(0, 1), labels.flatten())
        del logits
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        if config.n_branches > 1:
            model.transformer["router"].update_bias(sum(counts))
        return loss.item()

    times, losses = timed(step, args.warm_up, args.steps)
    tokens = args.sequences * args.seq_len
    return {"mode": args.mode, "unit": args.unit, "step_s": statistics.median(times), "times_s": times,
            "tokens_per_s": tokens / statistics.median(times), "loss": losses[-1]}


def decode(args):
    config = config_of(args)
    config.block_size = args.prompt + args.warm_up + args.new_tokens
    dtype = torch.bfloat16 if args.dtype == "bf16" else torch.float32
    model = Model(config)
    model.initialize()
    model.to(dtype).eval()
    model.table = model.table.float()
    if args.how == "compile":
        model.compile_blocks()
    with torch.no_grad():
        cache = model.new_cache(args.num_steps, args.batch, config.block_size, dtype)
        ids = torch.randint(config.vocab_size, (args.batch, args.prompt))
        past = 0

        def token():
            nonlocal ids, past
            states = model.random_states(args.batch, ids.shape[1], dtype)
            logits = model.decode(ids, states, args.num_steps, cache, past)
            past += ids.shape[1]
            ids = logits.argmax(-1, keepdim=True)

        (prompt_s,), _ = timed(token, 0, 1)
        times, _ = timed(token, args.warm_up, args.new_tokens)
    return {"batch": args.batch, "prompt_s": prompt_s, "token_s": statistics.median(times), "times_s": times,
            "tokens_per_s": args.batch / statistics.median(times)}


def wait_for_device():
    if torch.get_default_device().type == "cuda":
        torch.cuda.synchronize()


def timed(run, warm_up, repeats):
    times, results = [], []
    for i in range(warm_up + repeats):
        wait_for_device()
        start = time.perf_counter()
        results.append(run())
        wait_for_device()
        times.append(time.perf_counter() - start)
        print(f"{'warm-up' if i < warm_up else 'measured'}: {times[-1]:.3f} s", file=sys.stderr)
    return times[warm_up:], results


def check(args):
    """The same weights and inputs as a golden file: max |error| / max |reference|, as modr verify has it."""
    import h5py

    result = {}
    for path in args.goldens:
        with h5py.File(path) as f:
            model, depth = load(f)
            tensor = lambda name: torch.from_numpy(f[name][()])
            errors = {}
            if "expected" in f:
                ids = tensor("input_ids").long()
                mask = tensor("padding_mask") if "padding_mask" in f else torch.ones_like(ids)
                logits, _ = model(ids, tensor("input_states"), *depth, mask)
                real = mask.bool()
                errors["logits"] = relative(logits[real], tensor("expected/logits_f64")[real])
                loss = F.cross_entropy(logits.flatten(0, 1), tensor("labels").flatten().long())
                errors["loss"] = abs(loss.item() - f["expected/loss_f64"][0])
                loss.backward()
                parameters = dict(model.named_parameters())
                errors["gradients"] = max(relative(parameters[name].grad, tensor(f"expected/grad/{name}"))
                                          for name in f["expected/grad"])
            if "generation" in f:
                errors.update(check_decoding(model, sum(depth), f["generation"]))
            result[path] = errors
    return {"what": "check", "torch": torch.__version__, "errors": result}


def check_decoding(model, num_steps, group):
    group = group["random"] if "random" in group else group
    tensor = lambda name: torch.from_numpy(group[name][()])
    words, expected = tensor("generated_ids"), tensor("logits_f64")
    ids, states = tensor("prompt").long(), tensor("input_states_prefill")
    cache = model.new_cache(num_steps, ids.shape[0], ids.shape[1] + words.shape[1], torch.float32)
    past, worst, same = 0, 0.0, True
    with torch.no_grad():
        for i in range(words.shape[1]):
            logits = model.decode(ids, states, num_steps, cache, past)
            worst = max(worst, relative(logits, expected[:, i]))
            same = same and bool((logits.argmax(-1) == words[:, i]).all())
            past += ids.shape[1]
            ids = words[:, i : i + 1].long()
            states = tensor("input_states_decode")[i] if i + 1 < words.shape[1] else None
    return {"decoding_logits": worst, "same_words": same}


def relative(found, expected):
    return ((found.double() - expected.double()).abs().max() / expected.abs().max().clamp_min(1e-300)).item()


def load(f):
    a = f.attrs
    c = Config(**{key: int(a[key]) for key in ("n_embd", "n_heads", "intermediate_size", "vocab_size", "block_size")},
               prelude=int(a["n_layers_in_prelude"]), core=int(a["n_layers_in_recurrent_block"]),
               coda=int(a["n_layers_in_coda"]), tie_embeddings=bool(a["tie_embeddings"]),
               norm_eps=float(a["norm_eps"]), rope_base=float(a["rope_base"]))
    if "n_branches" in a:
        text = lambda key: a[key].decode()
        c.n_branches, c.lora_rank, c.lora_alpha = int(a["n_branches"]), int(a["lora_rank"]), float(a["lora_alpha"])
        c.lora_targets = tuple(text("lora_targets").split(","))
        c.unit, c.when, c.score = text("route_unit"), text("route_when"), text("route_score")
    model = Model(c)
    state = {name: torch.from_numpy(f["weights"][name][()]) for name in f["weights"]}
    missing, unknown = model.load_state_dict(state, strict=False)
    if unknown or any(not name.endswith("qk_bias") for name in missing):
        raise SystemExit(f"peer_torch: weights do not fit: missing {missing}, unknown {unknown}")
    return model, (int(a["num_steps_no_grad"]), int(a["num_steps_with_grad"]))


def config_of(args):
    return Config(args.n_embd, args.n_heads, args.intermediate_size, args.vocab_size, *map(int, args.layers.split("+")),
                  block_size=args.seq_len, lora_rank=args.lora_rank, lora_alpha=2.0 * args.lora_rank, unit=args.unit)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "decode", "check"))
    parser.add_argument("goldens", nargs="*")
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--how", choices=("eager", "compile"), default="eager")
    parser.add_argument("--mode", choices=("pretrain", "lora", "modr"), default="pretrain")
    parser.add_argument("--unit", choices=("sequence", "token"), default="sequence")
    parser.add_argument("--layers", default="2+4+2")
    numbers = {"threads": 2, "n-embd": 1024, "n-heads": 16, "intermediate-size": 3584, "vocab-size": 65536,
               "no-grad": 8, "with-grad": 4, "sequences": 2, "seq-len": 1024, "branches": 4, "lora-rank": 16,
               "steps": 3, "warm-up": 1, "num-steps": 16, "batch": 1, "prompt": 128, "new-tokens": 16}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def main():
    args = parse()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    if args.what == "check":
        print(json.dumps(check(args), indent=2))
        return
    torch.set_default_device(args.device)
    result = {"what": args.what, "torch": torch.__version__, "device": args.device, "how": args.how,
              "dtype": args.dtype, "threads": args.threads}
    result |= train(args) if args.what == "train" else decode(args)
    result["peak_rss_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if args.device == "cuda":
        result["peak_gpu_gib"] = torch.cuda.max_memory_allocated() / 2**30
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
