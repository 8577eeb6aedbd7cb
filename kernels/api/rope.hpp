#pragma once
#include <cstdint>

namespace modr::kernels::cpu {

/// Fused bias and rotary embedding (Su et al. 2021) of the rows of a fused projection [rows, 3, heads, head_dim].
struct RopeShape {
  int64_t rows, heads, head_dim;
};

/// q and k of every row: add bias [2, heads, head_dim] (null: none), then rotate the adjacent pairs (2i, 2i+1) by the
/// angle of positions[row]; v is copied. table [positions, head_dim / 2, 2] holds cos and sin in float32.
template <typename T>
void rope(const RopeShape& shape, const T* qkv, const T* bias, const float* table, const int32_t* positions, T* out);

/// dqkv [rows, 3, heads, head_dim] is assigned (rotation back); dbias [2, heads, head_dim] is accumulated unless null.
template <typename T>
void rope_backward(const RopeShape& shape, const T* dout, const float* table, const int32_t* positions, T* dqkv,
                   T* dbias);

}  // namespace modr::kernels::cpu
