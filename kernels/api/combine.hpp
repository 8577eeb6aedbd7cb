#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// The gated sum over a unit's chosen branches. Unit u has rows [unit_rows[u], unit_rows[u + 1]) of `width` values; it
/// took `choices` passes, and pass j of it lies from row pass_rows[position[u * choices + j]] on, as many rows.
struct CombineShape {
  int64_t units, choices, width;
  int64_t rows;              // unit_rows[units], which the host cannot read on a GPU
  const int32_t* position;   // [units, choices]
  const int64_t* unit_rows;  // [units + 1]
  const int64_t* pass_rows;  // [units * choices + 1]
};

/// out[u] = sum_j gates[u][j] passes[position[u][j]], j in order; with constant_gate the factor is 1 / choices
/// instead (the value of the straight-through gate).
template <typename T>
void combine(Cpu, const CombineShape& shape, bool constant_gate, const T* passes, const Exact<T>* gates, T* out);
template <typename T>
void combine(Cuda, const CombineShape& shape, bool constant_gate, const T* passes, const Exact<T>* gates, T* out);

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
void combine_backward(Cpu, const CombineBackward<T>& args);
template <typename T>
void combine_backward(Cuda, const CombineBackward<T>& args);

}  // namespace modr::kernels
