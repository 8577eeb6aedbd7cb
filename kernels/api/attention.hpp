#pragma once
#include <algorithm>
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// The largest head_dim the attention kernels take.
inline constexpr int64_t max_head_dim = 256;

/// Sequences of different lengths, one behind the other without padding: sequence a is rows [offsets[a],
/// offsets[a + 1]) of a fused projection [rows, 3, heads, head_dim], offsets[0] = 0. Scale 1 / sqrt(head_dim).
struct AttentionShape {
  const int64_t* offsets;  // [sequences + 1], of the place
  int64_t sequences, heads, head_dim;
  int64_t rows, longest;  // of all sequences, and the length of the longest: what the host cannot read on a GPU

  int64_t length(int64_t sequence) const { return offsets[sequence + 1] - offsets[sequence]; }
};

/// The shape of sequences whose offsets are the host's.
inline AttentionShape shape_on_host(const int64_t* offsets, int64_t sequences, int64_t heads, int64_t head_dim) {
  AttentionShape shape{offsets, sequences, heads, head_dim, offsets[sequences], 0};
  for (int64_t a = 0; a < sequences; ++a) shape.longest = std::max(shape.longest, shape.length(a));
  return shape;
}

/// Tiled online softmax (FlashAttention, Dao et al. 2022): nothing of size length x length is stored. Rows are of type
/// T, everything inside is computed in Exact<T> and rounded once. Results do not depend on the number of threads.
template <typename T>
struct CausalAttention {
  AttentionShape shape;
  const T* qkv;           // [rows, 3, heads, head_dim]
  T* out;                 // [rows, heads, head_dim]
  Exact<T>* log_sum_exp;  // [heads, rows], kept for backward
  Exact<T>* workspace;    // causal_attention_workspace(shape) elements
};

/// Elements of workspace, of a shape on the host, with the threads there are now: for each one a head's keys and
/// values, of the longest sequence. None on a GPU.
template <typename T>
int64_t causal_attention_workspace(Cpu, const AttentionShape& shape);
template <typename T>
int64_t causal_attention_workspace(Cuda, const AttentionShape& shape);

template <typename T>
void causal_attention(Cpu, const CausalAttention<T>& args);
template <typename T>
void causal_attention(Cuda, const CausalAttention<T>& args);

template <typename T>
struct CausalAttentionBackward {
  AttentionShape shape;
  const T* dout;                // [rows, heads, head_dim]
  const T* qkv;                 // [rows, 3, heads, head_dim]
  const T* out;                 // [rows, heads, head_dim]
  const Exact<T>* log_sum_exp;  // [heads, rows]
  Exact<T>* delta;              // [heads, rows], workspace
  Exact<T>* workspace;          // causal_attention_backward_workspace(shape) elements
  T* dqkv;                      // [rows, 3, heads, head_dim], assigned
};

/// The same of backward: for each thread a head's queries, their gradients and those of its results. None on a GPU.
template <typename T>
int64_t causal_attention_backward_workspace(Cpu, const AttentionShape& shape);
template <typename T>
int64_t causal_attention_backward_workspace(Cuda, const AttentionShape& shape);

template <typename T>
void causal_attention_backward(Cpu, const CausalAttentionBackward<T>& args);
template <typename T>
void causal_attention_backward(Cuda, const CausalAttentionBackward<T>& args);

/// Bytes that causal_attention_backward() of bf16 rows takes from a GPU's pool while it runs, at most: much where it is
/// cuDNN's. Asks no GPU, and looks at no offsets.
int64_t attention_room_on_gpu(const AttentionShape& shape);

/// Attention of new tokens over cached ones and over each other. Sequence a sees its cached tokens
/// rows[a * max_past + i], i < past[a]: row r of `slab` is K then V, [2, heads, head_dim]; -1 means the token is not
/// in the cache and is skipped.
template <typename T>
struct CachedAttention {
  AttentionShape shape;  // of the new tokens
  const T* qkv;          // [rows, 3, heads, head_dim]
  const T* slab;
  const int64_t* rows;  // [sequences, max_past]
  const int64_t* past;  // [sequences]
  int64_t max_past;
  T* out;  // [rows, heads, head_dim]
};

/// Reads the cached keys and values once for up to four new tokens. Computes in Exact<T>.
template <typename T>
void cached_attention(Cpu, const CachedAttention<T>& args);
template <typename T>
void cached_attention(Cuda, const CachedAttention<T>& args);

}  // namespace modr::kernels
