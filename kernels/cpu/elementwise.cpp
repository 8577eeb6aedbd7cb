#include "kernels/api/elementwise.hpp"

#include <algorithm>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels::cpu {

template <typename From, typename To>
void convert(const From* from, int64_t n, To* to) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
    if constexpr (std::is_same_v<From, To>) {
      std::copy(from + begin, from + end, to + begin);
    } else {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) to[i] = static_cast<To>(from[i]);
    }
  });
}

template <typename T>
void fill(T value, int64_t n, T* y) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) { std::fill(y + begin, y + end, value); });
}

template <typename T>
void add_scaled(const T* x, Exact<T> factor, int64_t n, T* y) {
  using E = Exact<T>;
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i)
      y[i] = static_cast<T>(static_cast<E>(y[i]) + factor * static_cast<E>(x[i]));
  });
}

template <typename T>
void scale(Exact<T> factor, int64_t n, T* y) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] = static_cast<T>(factor * static_cast<Exact<T>>(y[i]));
  });
}

template <typename T>
void add(const T* a, const T* b, int64_t n, T* out) {
  using E = Exact<T>;
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) out[i] = static_cast<T>(static_cast<E>(a[i]) + static_cast<E>(b[i]));
  });
}

template <typename T>
void sigmoid(const T* x, int64_t n, T* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = T{1} / (T{1} + fast_exp(-x[i]));
}
template void sigmoid(const float*, int64_t, float*);
template void sigmoid(const double*, int64_t, double*);

template <typename T>
double sum_of_squares(const T* x, int64_t n) {
  constexpr int64_t pieces = 64;  // fixed, so that the order of the sum is, whatever the number of threads
  double sums[pieces];
  parallel_ranges(pieces, n, [=, &sums](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = n * piece / pieces; i < n * (piece + 1) / pieces; ++i) {
        const auto value = static_cast<double>(static_cast<Exact<T>>(x[i]));
        sum += value * value;
      }
      sums[piece] = sum;
    }
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

template <typename T>
bool all_finite(const T* x, int64_t n) {
  bool finite = true;
  parallel_ranges(n, n, [=, &finite](int64_t begin, int64_t end) {
    Exact<T> probe = 0;  // 0 * x is NaN exactly when x is not finite; no branch in the loop
#pragma omp simd reduction(+ : probe)
    for (int64_t i = begin; i < end; ++i) probe += static_cast<Exact<T>>(x[i]) * Exact<T>{0};
    if (!(probe == Exact<T>{0})) {
#pragma omp atomic write
      finite = false;
    }
  });
  return finite;
}

#define MODR_ELEMENTWISE(T)                                     \
  template void convert(const T*, int64_t, float*);             \
  template void convert(const T*, int64_t, double*);            \
  template void convert(const T*, int64_t, bfloat16*);          \
  template void fill(T, int64_t, T*);                           \
  template void add_scaled(const T*, Exact<T>, int64_t, T*);    \
  template void scale(Exact<T>, int64_t, T*);                   \
  template void add(const T*, const T*, int64_t, T*);           \
  template double sum_of_squares(const T*, int64_t);            \
  template bool all_finite(const T*, int64_t);
MODR_ELEMENTWISE(float)
MODR_ELEMENTWISE(double)
MODR_ELEMENTWISE(bfloat16)

}  // namespace modr::kernels::cpu
