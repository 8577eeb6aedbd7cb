#pragma once
#include <cstdint>

#include "base/dtype.hpp"

namespace modr::kernels::cpu {

/// The gated sum over a unit's chosen branches: unit u took `choices` passes, pass j of it lies as block
/// position[u * choices + j] of `passes`, a block being `block` consecutive values.
struct CombineShape {
  int64_t units, choices, block;
  const int32_t* position;  // [units, choices]
};

/// out[u] = sum_j gates[u][j] passes[position[u][j]], j in order; with constant_gate the factor is 1 / choices
/// instead (the value of the straight-through gate).
template <typename T>
void combine(const CombineShape& shape, bool constant_gate, const T* passes, const Exact<T>* gates, T* out);

/// dpasses = the forward's factor times dout, assigned (null: not wanted); dgates[u][j] = <dout[u], pass>, assigned
/// (null: not wanted).
template <typename T>
struct CombineBackward {
  CombineShape shape;
  bool constant_gate;
  const T *dout, *passes;
  const Exact<T>* gates;
  T* dpasses;
  Exact<T>* dgates;
};

template <typename T>
void combine_backward(const CombineBackward<T>& args);

}  // namespace modr::kernels::cpu
