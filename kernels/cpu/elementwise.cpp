#include "kernels/api/elementwise.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels::cpu {

template <typename From, typename To>
void convert(const From* from, int64_t n, To* to) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
    if constexpr (std::is_same_v<From, To>) {
      std::copy(from + begin, from + end, to + begin);
    } else {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) store(static_cast<Exact<To>>(from[i]), to[i]);
    }
  });
}

template <typename T>
void fill(T value, int64_t n, T* y) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if constexpr (std::is_same_v<T, bfloat16>) y[i].bits = value.bits;  // as a number: see store.hpp
      else y[i] = value;
    }
  });
}

template <typename T>
void add_scaled(const T* x, Exact<T> factor, int64_t n, T* y) {
  using E = Exact<T>;
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) store(static_cast<E>(y[i]) + factor * static_cast<E>(x[i]), y[i]);
  });
}

template <typename T>
void scale(Exact<T> factor, int64_t n, T* y) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) store(factor * static_cast<Exact<T>>(y[i]), y[i]);
  });
}

template <typename T>
void add(const T* a, const T* b, int64_t n, T* out) {
  using E = Exact<T>;
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) store(static_cast<E>(a[i]) + static_cast<E>(b[i]), out[i]);
  });
}

template <typename T>
void sigmoid(const T* x, int64_t n, T* out) {
  constexpr int64_t block = 16;  // also the last ones: double's exp of a vector and of one value differ
  for (int64_t first = 0; first < n; first += block) {
    const int64_t some = std::min(block, n - first);
    T values[block] = {};
    std::copy_n(x + first, some, values);
#pragma omp simd
    for (int64_t i = 0; i < block; ++i) values[i] = T{1} / (T{1} + fast_exp(-values[i]));
    std::copy_n(values, some, out + first);
  }
}
template void sigmoid(const float*, int64_t, float*);
template void sigmoid(const double*, int64_t, double*);

namespace {

template <typename T>
double squares_between(const T* x, int64_t begin, int64_t end) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = begin; i < end; ++i) {
    const auto value = static_cast<double>(static_cast<Exact<T>>(x[i]));
    sum += value * value;
  }
  return sum;
}

template <typename E>
bool is_finite(E value) {
  using Bits = std::conditional_t<sizeof(E) == 4, uint32_t, uint64_t>;
  constexpr Bits exponent = std::bit_cast<Bits>(std::numeric_limits<E>::infinity());
  return (std::bit_cast<Bits>(value) & exponent) != exponent;
}

template <typename T>
bool finite_between(const T* x, int64_t begin, int64_t end) {
  uint32_t found = 0;
#pragma omp simd reduction(| : found)
  for (int64_t i = begin; i < end; ++i) found |= is_finite(static_cast<Exact<T>>(x[i])) ? 0u : 1u;
  return found == 0;
}

}  // namespace

template <typename T>
double sum_of_squares(const T* x, int64_t n) {
  constexpr int64_t pieces = 64;  // fixed, so that the order of the sum is, whatever the number of threads
  double sums[pieces];
  parallel_ranges(pieces, n, [=, &sums](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece)
      sums[piece] = squares_between(x, n * piece / pieces, n * (piece + 1) / pieces);
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

template <typename T>
bool all_finite(const T* x, int64_t n) {
  bool finite = true;
  parallel_ranges(n, n, [=, &finite](int64_t begin, int64_t end) {
    if (finite_between(x, begin, end)) return;
#pragma omp atomic write
    finite = false;
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
