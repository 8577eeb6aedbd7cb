#pragma once
#include <cstdint>
#include <span>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// to[i] = from[i], rounded where `To` is the narrower type, i < n.
template <typename From, typename To>
void convert(Cpu, const From* from, int64_t n, To* to);
template <typename From, typename To>
void convert(Cuda, const From* from, int64_t n, To* to);

/// y[i] = value, i < n.
template <typename T>
void fill(Cpu, T value, int64_t n, T* y);
template <typename T>
void fill(Cuda, T value, int64_t n, T* y);

/// y[i] += factor * x[i], i < n.
template <typename T>
void add_scaled(Cpu, const T* x, Exact<T> factor, int64_t n, T* y);
template <typename T>
void add_scaled(Cuda, const T* x, Exact<T> factor, int64_t n, T* y);

/// y[i] *= factor, i < n.
template <typename T>
void scale(Cpu, Exact<T> factor, int64_t n, T* y);
template <typename T>
void scale(Cuda, Exact<T> factor, int64_t n, T* y);

/// out[i] = a[i] + b[i], i < n.
template <typename T>
void add(Cpu, const T* a, const T* b, int64_t n, T* out);
template <typename T>
void add(Cuda, const T* a, const T* b, int64_t n, T* out);

/// out[i] = 1 / (1 + exp(-x[i])), i < n; exact types.
template <typename T>
void sigmoid(Cpu, const T* x, int64_t n, T* out);
template <typename T>
void sigmoid(Cuda, const T* x, int64_t n, T* out);

/// dx[i] = dy[i] y[i] (1 - y[i]) of y = sigmoid(x), i < n; exact types.
template <typename T>
void sigmoid_backward(Cpu, const T* dy, const T* y, int64_t n, T* dx);
template <typename T>
void sigmoid_backward(Cuda, const T* dy, const T* y, int64_t n, T* dx);

/// y[i] *= *factor, i < n; nothing where that is 1.
template <typename T>
void scale_by(Cpu, const Exact<T>* factor, int64_t n, T* y);
template <typename T>
void scale_by(Cuda, const Exact<T>* factor, int64_t n, T* y);

/// *sum += x[i] in the order of i < n.
void add_up(Cpu, const double* x, int64_t n, double* sum);
void add_up(Cuda, const double* x, int64_t n, double* sum);

/// *sum += the squares of all values of all tensors, in double and in an order that depends on their sizes alone.
template <typename T>
void add_squares(Cpu, std::span<const std::span<const T>> tensors, double* sum);
template <typename T>
void add_squares(Cuda, std::span<const std::span<const T>> tensors, double* sum);

/// Values by their indices in a tensor of `rank` dimensions and any strides, in elements.
inline constexpr int64_t max_copy_rank = 6;
struct StridedCopy {
  int64_t rank = 0;
  int64_t sizes[max_copy_rank] = {}, from_strides[max_copy_rank] = {}, to_strides[max_copy_rank] = {};
};

/// to[i] = from[i] for all indices i, rounded where `To` is the narrower type.
template <typename From, typename To>
void copy(Cpu, const StridedCopy& shape, const From* from, To* to);
template <typename From, typename To>
void copy(Cuda, const StridedCopy& shape, const From* from, To* to);

/// to[j][i] += factor * from[i][j] of [rows, columns] values; exact types.
template <typename T>
void add_turned(Cpu, const T* from, int64_t rows, int64_t columns, T factor, T* to);
template <typename T>
void add_turned(Cuda, const T* from, int64_t rows, int64_t columns, T factor, T* to);

}  // namespace modr::kernels
