#pragma once
#include "autograd/variable.hpp"

namespace modr::ops {

/// The largest head size that the kernels take.
inline constexpr int64_t max_head_dim = 256;

/// Causal self-attention (Vaswani et al. 2017), scale 1 / sqrt(head_dim): qkv [batch * seq, 3 * heads * head_dim] of
/// `seq` tokens a sequence, q then k then v; result [batch * seq, heads * head_dim]. Keeps qkv, the result and one
/// number a head and token.
Variable causal_attention(const Variable& qkv, int64_t seq, int64_t heads);

/// Where the cached tokens of a decoding step lie: sequence a of the step sees rows[a * max_past + i], i < past[a], of
/// `slab` [rows, 2, heads * head_dim] (K, V); a row of -1 is skipped.
struct CachedTokens {
  Tensor slab;
  std::vector<int64_t> rows, past;
  int64_t max_past = 0;
};

/// Attention of `seq` new tokens a sequence over the cached ones and causally over each other; no gradient.
Variable cached_attention(const Variable& qkv, int64_t seq, int64_t heads, const CachedTokens& cached);

}  // namespace modr::ops
