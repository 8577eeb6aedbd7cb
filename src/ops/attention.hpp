#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// The largest head size that the kernels take.
inline constexpr int64_t max_head_dim = 256;

/// Causal self-attention (Vaswani et al. 2017), scale 1 / sqrt(head_dim): qkv [rows, 3 * heads * head_dim], q then k
/// then v, result [rows, heads * head_dim]. Sequence a is rows [sequences[a], sequences[a + 1]) and attends to itself
/// only; sequences may differ in length and be empty. Keeps qkv, the result and one number a head and row.
Variable causal_attention(const Variable& qkv, const Offsets& sequences, int64_t heads);

/// Where the cached tokens of a decoding step lie: sequence a of the step sees rows[a * max_past + i], i < past[a], of
/// `slab` [rows, 2, heads * head_dim] (K, V); a row of -1 is skipped.
struct CachedTokens {
  Tensor slab;
  Offsets rows, past;
  int64_t max_past = 0;
};

/// Attention of the new tokens, rows [sequences[a], sequences[a + 1]) of sequence a, over its cached ones and causally
/// over each other; no gradient.
Variable cached_attention(const Variable& qkv, const Offsets& sequences, int64_t heads, const CachedTokens& cached);

}  // namespace modr::ops
