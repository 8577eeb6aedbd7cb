"""The model of modr written plainly in PyTorch; peer_torch.py measures and checks it."""
import contextlib
import math
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
        with torch.autocast(h.device.type, enabled=False):
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
