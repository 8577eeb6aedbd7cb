#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// Fused bias and rotary embedding (Su et al. 2021) of the rows of a fused projection [rows, 3, heads, head_dim].
struct RopeShape {
  int64_t rows, heads, head_dim;
};

/// q and k of every row: add bias [2, heads, head_dim] (null: none), then rotate the adjacent pairs (2i, 2i+1) by the
/// angle of positions[row]; v is copied. table [positions, head_dim / 2, 2] holds cos and sin in float32.
template <typename T>
void rope(Cpu, const RopeShape& shape, const T* qkv, const Exact<T>* bias, const float* table, const int32_t* positions,
          T* out);
template <typename T>
void rope(Cuda, const RopeShape& shape, const T* qkv, const Exact<T>* bias, const float* table,
          const int32_t* positions, T* out);

/// Pieces of rows whose shares of dbias are summed apart, then in order; see rms_norm_pieces.
inline constexpr int64_t rope_pieces = 32;

/// One pass over dout gives both gradients.
template <typename T>
struct RopeBackward {
  const T* dout;           // [rows, 3, heads, head_dim]
  const float* table;
  const int32_t* positions;
  T* dqkv;                 // [rows, 3, heads, head_dim], assigned (rotation back)
  Exact<T>* dbias;         // [2, heads, head_dim], accumulated; null when not wanted
  Exact<T>* shares;        // [rope_pieces, 2, heads, head_dim] of room where dbias is wanted
};

template <typename T>
void rope_backward(Cpu, const RopeShape& shape, const RopeBackward<T>& args);
template <typename T>
void rope_backward(Cuda, const RopeShape& shape, const RopeBackward<T>& args);

}  // namespace modr::kernels
