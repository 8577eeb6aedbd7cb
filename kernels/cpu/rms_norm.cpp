#include "kernels/api/rms_norm.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"

namespace modr::kernels {

namespace {

// Values i of a row of s = x + residual, or of s = x.
template <bool with_residual, typename T>
auto row_of(const T* x, const T* residual, int64_t offset) {
  using E = Exact<T>;
  if constexpr (with_residual)
    return [a = x + offset, b = residual + offset](int64_t i) { return static_cast<E>(a[i]) + static_cast<E>(b[i]); };
  else
    return [a = x + offset](int64_t i) { return static_cast<E>(a[i]); };
}

// One row. It is read twice, the second time from the cache.
template <bool with_residual, typename T>
void norm_row(const RmsNorm<T>& a, int64_t row) {
  using E = Exact<T>;
  const auto value = row_of<with_residual>(a.x, a.residual, row * a.width);
  const E* weight = a.weight;
  T* y = a.y + row * a.width;
  E squares = 0;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < a.width; ++i) squares += value(i) * value(i);
  const E inverse = E{1} / std::sqrt(squares / static_cast<E>(a.width) + a.eps);
  a.inverse_rms[row] = inverse;
#pragma omp simd
  for (int64_t i = 0; i < a.width; ++i) store(value(i) * inverse * weight[i], y[i]);
}

// dx = r (w dy) - s r^3 / width * sum(w dy s), with r = 1 / rms, and share += dy s r (null: not wanted).
template <bool with_residual, typename T>
void gradients_of_row(const RmsNormBackward<T>& a, int64_t row, Exact<T>* share) {
  using E = Exact<T>;
  const auto value = row_of<with_residual>(a.x, a.residual, row * a.width);
  const T* dy = a.dy + row * a.width;
  const E* weight = a.weight;
  const E r = a.inverse_rms[row];
  E dot = 0;
  if (share == nullptr) {
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < a.width; ++i) dot += weight[i] * (static_cast<E>(dy[i]) * value(i));
  } else {
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < a.width; ++i) {
      const E product = static_cast<E>(dy[i]) * value(i);
      share[i] += product * r;
      dot += weight[i] * product;
    }
  }
  if (a.dx == nullptr) return;
  T* dx = a.dx + row * a.width;
  const E common = dot * r * r * r / static_cast<E>(a.width);
#pragma omp simd
  for (int64_t i = 0; i < a.width; ++i)
    store(r * weight[i] * static_cast<E>(dy[i]) - common * value(i), dx[i]);
}

}  // namespace

template <typename T>
void rms_norm(Cpu, const RmsNorm<T>& a) {
  parallel_ranges(a.rows, a.rows * a.width, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      a.residual == nullptr ? norm_row<false>(a, row) : norm_row<true>(a, row);
  });
}

template <typename T>
void rms_norm_backward(Cpu, const RmsNormBackward<T>& a) {
  const int64_t pieces = std::min(a.rows, rms_norm_pieces);
  parallel_ranges(pieces, a.rows * a.width, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      Exact<T>* share = a.dweight == nullptr ? nullptr : a.shares + piece * a.width;
      if (share != nullptr) std::fill_n(share, a.width, Exact<T>{0});
      for (int64_t row = a.rows * piece / pieces; row < a.rows * (piece + 1) / pieces; ++row)
        a.residual == nullptr ? gradients_of_row<false>(a, row, share) : gradients_of_row<true>(a, row, share);
    }
  });
  if (a.dweight == nullptr) return;
  for (int64_t piece = 0; piece < pieces; ++piece) {
    const Exact<T>* share = a.shares + piece * a.width;
#pragma omp simd
    for (int64_t i = 0; i < a.width; ++i) a.dweight[i] += share[i];
  }
}

#define MODR_RMS_NORM(T)                          \
  template void rms_norm(Cpu, const RmsNorm<T>&); \
  template void rms_norm_backward(Cpu, const RmsNormBackward<T>&);
MODR_RMS_NORM(float)
MODR_RMS_NORM(double)
MODR_RMS_NORM(bfloat16)

}  // namespace modr::kernels
