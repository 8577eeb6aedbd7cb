#pragma once
#include <cstdint>

namespace modr::kernels::cpu {

/// out = silu(a) * b for rows [a, b] of 2 * width values; silu(a) = a / (1 + exp(-a)).
template <typename T>
void silu_gate(const T* ab, int64_t rows, int64_t width, T* out);

/// dab [rows, 2 * width] is assigned.
template <typename T>
void silu_gate_backward(const T* dout, const T* ab, int64_t rows, int64_t width, T* dab);

}  // namespace modr::kernels::cpu
