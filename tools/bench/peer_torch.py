#!/usr/bin/env python3
"""The model of modr written plainly in PyTorch: what `modr bench train | decode` is held against.

    python peer_torch.py train  [--dtype f32|bf16] [--how eager|compile] [--mode pretrain|lora|modr] [sizes]
    python peer_torch.py decode [--dtype f32|bf16] [--how eager|compile] [--batch 1] [sizes]
    python peer_torch.py check GOLDEN.h5...     largest logit and loss errors against golden files (needs h5py)

Prints one JSON object. Sizes and their defaults are those of `modr bench`. bf16 is autocast over float32 weights in
training, and weights of bf16 in decoding (what reads least).
"""
import argparse
import contextlib
import json
import math
import resource
import statistics
import sys
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    n_embd: int = 1024
    n_heads: int = 16
    intermediate_size: int = 3584
    vocab_size: int = 65536
    prelude: int = 2
    core: int = 4
    coda: int = 2
    block_size: int = 1024
    tie_embeddings: bool = True
    norm_eps: float = 1e-6
    rope_base: float = 50000.0
    n_branches: int = 0
    lora_rank: int = 16
    lora_alpha: float = 32.0
    lora_targets: tuple = ("attn.Wqkv", "attn.proj")
    unit: str = "sequence"
    when: str = "forward"
    score: str = "sigmoid"
    bias_update_rate: float = 1e-3

    @property
    def head_dim(self):
        return self.n_embd // self.n_heads

    @property
    def init_std(self):
        return math.sqrt(2 / (5 * self.n_embd))


class LoraLinear(nn.Module):
    """y = x W^T, plus the adapter of each row's branch; groups[j] are the flat indices of branch j's rows."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.lora_A = self.lora_B = None

    def attach(self, branches, rank, alpha):
        self.lora_A = nn.Parameter(torch.empty(branches, rank, self.weight.shape[1]))
        self.lora_B = nn.Parameter(torch.zeros(branches, self.weight.shape[0], rank))
        nn.init.uniform_(self.lora_A, -self.weight.shape[1] ** -0.5, self.weight.shape[1] ** -0.5)
        self.scale = alpha / rank

    def forward(self, x, groups):
        y = F.linear(x, self.weight)
        if self.lora_A is None:
            return y
        if groups is None:
            return y + self.scale * F.linear(F.linear(x, self.lora_A[0]), self.lora_B[0])
        rows, out = x.flatten(0, 1), y.flatten(0, 1)
        for j, index in enumerate(groups):
            low = F.linear(rows[index], self.lora_A[j])
            out = out.index_add(0, index, self.scale * F.linear(low, self.lora_B[j]))
        return out.view_as(y)


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        exact = x.float()
        normed = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)
        return normed.to(x.dtype) * self.weight.to(x.dtype)


def rotate(x, table):
    """RoPE on adjacent pairs: x [B, S, H, D], table [S, D/2, 2] (cos, sin)."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = table[None, :, None].unbind(-1)
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), -1).flatten(-2).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.head_dim = c.n_heads, c.head_dim
        self.Wqkv = LoraLinear(c.n_embd, 3 * c.n_embd)
        self.qk_bias = nn.Parameter(torch.zeros(2, 1, c.n_heads, c.head_dim))
        self.proj = LoraLinear(c.n_embd, c.n_embd)

    def forward(self, x, table, groups, cache, past):
        batch, seq, _ = x.shape
        q, k, v = self.Wqkv(x, groups).view(batch, seq, 3, self.heads, self.head_dim).unbind(2)
        bias = self.qk_bias.to(q.dtype)
        q, k = rotate(q + bias[0], table), rotate(k + bias[1], table)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        if cache is not None:
            cache[0, :, :, past : past + seq] = k
            cache[1, :, :, past : past + seq] = v
            k, v = cache[0, :, :, : past + seq], cache[1, :, :, : past + seq]
        out = F.scaled_dot_product_attention(q, k, v, is_causal=past == 0)
        return self.proj(out.transpose(1, 2).reshape(batch, seq, -1), groups)


class GatedMlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc = LoraLinear(c.n_embd, 2 * c.intermediate_size)
        self.proj = LoraLinear(c.intermediate_size, c.n_embd)

    def forward(self, x, groups):
        a, b = self.fc(x, groups).chunk(2, -1)
        return self.proj(F.silu(a) * b, groups)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attn, self.mlp = Attention(c), GatedMlp(c)
        self.norm_1, self.norm_2, self.norm_3, self.norm_4 = (RmsNorm(c.n_embd, c.norm_eps) for _ in range(4))

    def forward(self, x, table, groups=None, cache=None, past=0):
        x = self.norm_2(self.attn(self.norm_1(x), table, groups, cache, past) + x)
        return self.norm_4(self.mlp(self.norm_3(x), groups) + x)


class Router(nn.Module):
    """Which branch a sequence or a token goes to: groups of rows, gates [B, S or 1, 1], and counts."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.weight = nn.Parameter(torch.empty(c.n_branches, c.n_embd))
        self.register_buffer("bias", torch.zeros(c.n_branches))

    def forward(self, h, mask):
        with torch.autocast("cpu", enabled=False):
            u = F.linear(h.float(), self.weight.float())
            if self.c.unit == "sequence":
                real = mask.unsqueeze(-1).float()
                u = (u * real).sum(1, keepdim=True) / real.sum(1, keepdim=True)
            r = u.sigmoid() if self.c.score == "sigmoid" else u.softmax(-1)
        choice = (r + self.bias).argmax(-1, keepdim=True)
        counted = choice[mask.bool()] if self.c.unit == "token" else choice
        counts = torch.bincount(counted.flatten(), minlength=self.c.n_branches)
        of_row = choice.expand(-1, h.shape[1], 1).flatten()
        groups = [(of_row == j).nonzero().squeeze(-1) for j in range(self.c.n_branches)]
        return groups, r.gather(-1, choice), counts

    def update_bias(self, counts):
        counts = counts.float()
        self.bias += self.c.bias_update_rate * torch.sign(counts.mean() - counts)


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        blocks = lambda count: nn.ModuleList(Block(c) for _ in range(count))
        self.transformer = t = nn.ModuleDict({
            "wte": nn.Embedding(c.vocab_size, c.n_embd), "prelude": blocks(c.prelude),
            "adapter": LoraLinear(2 * c.n_embd, c.n_embd), "core_block": blocks(c.core),
            "coda": blocks(c.coda), "ln_f": RmsNorm(c.n_embd, c.norm_eps)})
        if not c.tie_embeddings:
            self.lm_head = nn.Linear(c.n_embd, c.vocab_size, bias=False)
        if c.n_branches > 0:
            for block in t["core_block"]:
                for target in c.lora_targets:
                    block.get_submodule(target).attach(c.n_branches, c.lora_rank, c.lora_alpha)
        if c.n_branches > 1:
            t["router"] = Router(c)
        i = torch.arange(0, c.head_dim, 2).float()
        angles = torch.outer(torch.arange(c.block_size).float(), 1.0 / c.rope_base ** (i / c.head_dim))
        self.register_buffer("table", torch.stack((angles.cos(), angles.sin()), -1), persistent=False)
        self.autocast = contextlib.nullcontext

    def initialize(self):
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.trunc_normal_(p, std=self.c.init_std, a=-3 * self.c.init_std, b=3 * self.c.init_std)

    def random_states(self, batch, seq, dtype):
        std = self.c.init_std * math.sqrt(self.c.n_embd)
        s = torch.empty(batch, seq, self.c.n_embd)
        return nn.init.trunc_normal_(s, std=std, a=-3 * std, b=3 * std).to(dtype)

    def step(self, s, e, table, route, mask, caches, past):
        """One recurrence; `route` is decided at the first, or at every one."""
        t = self.transformer
        h = t["adapter"](torch.cat((s, e), -1), None)
        if "router" in t and (route is None or self.c.when == "recurrence"):
            with torch.enable_grad() if self.c.when == "forward" and self.training else contextlib.nullcontext():
                route = t["router"](h, mask)
        groups, gates = (route[0], route[1]) if route else (None, None)
        x = h
        for layer, block in enumerate(t["core_block"]):
            x = block(x, table, groups, None if caches is None else caches[layer], past)
        return (x if gates is None else x * gates.to(x.dtype)), route

    def features(self, s, table, caches=None, past=0):
        x = self.transformer["ln_f"](s)
        for layer, block in enumerate(self.transformer["coda"]):
            x = block(x, table, None, None if caches is None else caches[layer], past)
        return self.transformer["ln_f"](x)

    def head(self, x):
        return F.linear(x, self.transformer["wte"].weight if self.c.tie_embeddings else self.lm_head.weight)

    def embed(self, ids):
        return F.embedding(ids, self.transformer["wte"].weight) * math.sqrt(self.c.n_embd)

    def prelude(self, ids, dtype, table, caches=None, past=0):
        x = self.embed(ids).to(dtype)
        for layer, block in enumerate(self.transformer["prelude"]):
            x = block(x, table, None, None if caches is None else caches[layer], past)
        return x

    def forward(self, ids, s, n, k, mask):
        """Logits and the router's counts; autocast's copies of weights are made anew where gradients begin."""
        table, route, counts = self.table[: ids.shape[1]], None, []
        with self.autocast():
            e = self.prelude(ids, s.dtype, table)
        for t in range(n + k):
            grad = torch.no_grad() if t < n else contextlib.nullcontext()
            if t in (0, n):
                scope = contextlib.ExitStack()
                scope.enter_context(self.autocast())
            with grad:
                before = route
                s, route = self.step(s, e, table, route, mask, None, 0)
            if route is not before:
                counts.append(route[2])
            if t in (n - 1, n + k - 1):
                scope.close()
        with self.autocast():
            return self.head(self.features(s, table)), counts

    def decode(self, ids, s, num_steps, cache, past):
        """Logits of each sequence's last new token; cache [slots, 2, B, H, capacity, D] is written."""
        c, table = self.c, self.table[past : past + ids.shape[1]]
        e = self.prelude(ids, s.dtype, table, cache[: c.prelude], past)
        mask, route = torch.ones_like(ids), None
        core = cache[c.prelude : len(cache) - c.coda].unflatten(0, (num_steps, c.core))
        for t in range(num_steps):
            s, route = self.step(s, e, table, route, mask, core[t], past)
        return self.head(self.features(s, table, cache[len(cache) - c.coda :], past)[:, -1])

    def new_cache(self, num_steps, batch, capacity, dtype):
        c = self.c
        slots = c.prelude + c.core * num_steps + c.coda
        return torch.zeros(slots, 2, batch, c.n_heads, capacity, c.head_dim, dtype=dtype)

    def compile_blocks(self):
        torch._dynamo.config.cache_size_limit = 64
        for stage in ("prelude", "core_block", "coda"):
            for block in self.transformer[stage]:
                block.compile()
        self.features = torch.compile(self.features)


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
        model.autocast = lambda: torch.autocast("cpu", torch.bfloat16)
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


def timed(run, warm_up, repeats):
    times, results = [], []
    for i in range(warm_up + repeats):
        start = time.perf_counter()
        results.append(run())
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
    result = {"what": args.what, "torch": torch.__version__, "how": args.how, "dtype": args.dtype,
              "threads": args.threads}
    result |= train(args) if args.what == "train" else decode(args)
    result["peak_rss_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
