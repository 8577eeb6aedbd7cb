#pragma once
#include <cstdint>

namespace modr::kernels::cpu {

/// The largest head_dim the attention kernels take.
inline constexpr int64_t max_head_dim = 256;

/// Causal self-attention over a fused projection [batch, seq, 3, heads, head_dim], scale 1 / sqrt(head_dim).
struct AttentionShape {
  int64_t batch, seq, heads, head_dim;
};

/// Tiled online softmax (FlashAttention, Dao et al. 2022): nothing of size seq x seq is stored.
/// out [batch, seq, heads, head_dim]; log_sum_exp [batch, heads, seq] is kept for backward.
template <typename T>
void causal_attention(const AttentionShape& shape, const T* qkv, T* out, T* log_sum_exp);

template <typename T>
struct CausalAttentionBackward {
  AttentionShape shape;
  const T* dout;         // [batch, seq, heads, head_dim]
  const T* qkv;          // [batch, seq, 3, heads, head_dim]
  const T* out;          // [batch, seq, heads, head_dim]
  const T* log_sum_exp;  // [batch, heads, seq]
  T* delta;              // [batch, heads, seq], workspace
  T* dqkv;               // [batch, seq, 3, heads, head_dim], assigned
};

template <typename T>
void causal_attention_backward(const CausalAttentionBackward<T>& args);

/// Attention of new tokens over cached ones and over each other. Sequence a of the batch sees its cached tokens
/// rows[a * max_past + i], i < past[a]: row r of `slab` is K then V, [2, heads, head_dim]; -1 means the token is not
/// in the cache and is skipped.
template <typename T>
struct CachedAttention {
  AttentionShape shape;  // seq counts the new tokens
  const T* qkv;          // [batch, seq, 3, heads, head_dim]
  const T* slab;
  const int64_t* rows;  // [batch, max_past]
  const int64_t* past;  // [batch]
  int64_t max_past;
  T* out;     // [batch, seq, heads, head_dim]
  T* scores;  // workspace [batch, heads, max_past + seq]
};

template <typename T>
void cached_attention(const CachedAttention<T>& args);

}  // namespace modr::kernels::cpu
