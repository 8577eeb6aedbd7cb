#pragma once
#include <cstdint>

#include "kernels/api/place.hpp"

namespace modr::kernels {

/// out = silu(a) * b for rows [a, b] of 2 * width values; silu(a) = a / (1 + exp(-a)).
template <typename T>
void silu_gate(Cpu, const T* ab, int64_t rows, int64_t width, T* out);
template <typename T>
void silu_gate(Cuda, const T* ab, int64_t rows, int64_t width, T* out);

/// dab [rows, 2 * width] is assigned.
template <typename T>
void silu_gate_backward(Cpu, const T* dout, const T* ab, int64_t rows, int64_t width, T* dab);
template <typename T>
void silu_gate_backward(Cuda, const T* dout, const T* ab, int64_t rows, int64_t width, T* dab);

}  // namespace modr::kernels
