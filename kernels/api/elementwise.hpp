#pragma once
#include <cstdint>

namespace modr::kernels::cpu {

/// y[i] += factor * x[i], i < n.
template <typename T>
void add_scaled(const T* x, T factor, int64_t n, T* y);

/// y[i] *= factor, i < n.
template <typename T>
void scale(T factor, int64_t n, T* y);

/// out[i] = a[i] + b[i], i < n.
template <typename T>
void add(const T* a, const T* b, int64_t n, T* out);

/// out[i] = 1 / (1 + exp(-x[i])), i < n.
template <typename T>
void sigmoid(const T* x, int64_t n, T* out);

}  // namespace modr::kernels::cpu
