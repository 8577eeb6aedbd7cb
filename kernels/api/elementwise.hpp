#pragma once
#include <cstdint>

#include "base/dtype.hpp"

namespace modr::kernels::cpu {

/// to[i] = from[i], rounded where `To` is the narrower type, i < n.
template <typename From, typename To>
void convert(const From* from, int64_t n, To* to);

/// y[i] = value, i < n.
template <typename T>
void fill(T value, int64_t n, T* y);

/// y[i] += factor * x[i], i < n.
template <typename T>
void add_scaled(const T* x, Exact<T> factor, int64_t n, T* y);

/// y[i] *= factor, i < n.
template <typename T>
void scale(Exact<T> factor, int64_t n, T* y);

/// out[i] = a[i] + b[i], i < n.
template <typename T>
void add(const T* a, const T* b, int64_t n, T* out);

/// out[i] = 1 / (1 + exp(-x[i])), i < n; exact types.
template <typename T>
void sigmoid(const T* x, int64_t n, T* out);

/// Sum of x[i]^2 in double, in an order that depends on n alone.
template <typename T>
double sum_of_squares(const T* x, int64_t n);

/// Whether no x[i] is infinite or NaN.
template <typename T>
bool all_finite(const T* x, int64_t n);

}  // namespace modr::kernels::cpu
