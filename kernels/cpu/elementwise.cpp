#include "kernels/api/elementwise.hpp"

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels {

template <typename From, typename To>
void convert(Cpu, const From* from, int64_t n, To* to) {
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
void fill(Cpu, T value, int64_t n, T* y) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if constexpr (std::is_same_v<T, bfloat16>) y[i].bits = value.bits;  // as a number: see store.hpp
      else y[i] = value;
    }
  });
}

template <typename T>
void add_scaled(Cpu, const T* x, Exact<T> factor, int64_t n, T* y) {
  using E = Exact<T>;
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) store(static_cast<E>(y[i]) + factor * static_cast<E>(x[i]), y[i]);
  });
}

template <typename T>
void scale(Cpu, Exact<T> factor, int64_t n, T* y) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) store(factor * static_cast<Exact<T>>(y[i]), y[i]);
  });
}

template <typename T>
void add(Cpu, const T* a, const T* b, int64_t n, T* out) {
  using E = Exact<T>;
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) store(static_cast<E>(a[i]) + static_cast<E>(b[i]), out[i]);
  });
}

template <typename T>
void sigmoid(Cpu, const T* x, int64_t n, T* out) {
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
template void sigmoid(Cpu, const float*, int64_t, float*);
template void sigmoid(Cpu, const double*, int64_t, double*);

template <typename T>
void sigmoid_backward(Cpu, const T* dy, const T* y, int64_t n, T* dx) {
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] * y[i] * (T{1} - y[i]);
}
template void sigmoid_backward(Cpu, const float*, const float*, int64_t, float*);
template void sigmoid_backward(Cpu, const double*, const double*, int64_t, double*);

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

}  // namespace

template <typename T>
void add_squares(Cpu, std::span<const std::span<const T>> tensors, double* sum) {
  constexpr int64_t pieces = 64;  // fixed, so that the order of the sum is, whatever the number of threads
  for (const std::span<const T> tensor : tensors) {
    const T* x = tensor.data();
    const int64_t n = std::ssize(tensor);
    double sums[pieces];
    parallel_ranges(pieces, n, [=, &sums](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece)
        sums[piece] = squares_between(x, n * piece / pieces, n * (piece + 1) / pieces);
    });
    *sum += std::accumulate(sums, sums + pieces, 0.0);
  }
}

void add_up(Cpu, const double* x, int64_t n, double* sum) { *sum = std::accumulate(x, x + n, *sum); }

template <typename T>
void scale_by(Cpu on, const Exact<T>* factor, int64_t n, T* y) {
  if (*factor != 1) scale(on, *factor, n, y);
}

namespace {

// The runs of values that lie side by side on both sides: everything, rows of the last dimension, or single values.
struct Runs {
  explicit Runs(const StridedCopy& s) : shape(s) {
    for (int64_t dim = s.rank - 1; dim >= 0; --dim) {
      if (s.sizes[dim] == 1) {
        --shape.rank;
        std::copy(shape.sizes + dim + 1, shape.sizes + max_copy_rank, shape.sizes + dim);
        std::copy(shape.from_strides + dim + 1, shape.from_strides + max_copy_rank, shape.from_strides + dim);
        std::copy(shape.to_strides + dim + 1, shape.to_strides + max_copy_rank, shape.to_strides + dim);
      }
    }
    while (shape.rank > 0 && shape.from_strides[shape.rank - 1] == length && shape.to_strides[shape.rank - 1] == length)
      length *= shape.sizes[--shape.rank];
    for (int64_t dim = 0; dim < shape.rank; ++dim) count *= shape.sizes[dim];
  }

  // Offset of run `index` under the strides.
  int64_t offset(int64_t index, const int64_t* strides) const {
    int64_t at = 0;
    for (int64_t dim = shape.rank - 1; dim >= 0; --dim) {
      at += index % shape.sizes[dim] * strides[dim];
      index /= shape.sizes[dim];
    }
    return at;
  }

  StridedCopy shape;  // of the runs
  int64_t length = 1, count = 1;
};

}  // namespace

template <typename From, typename To>
void copy(Cpu on, const StridedCopy& shape, const From* from, To* to) {
  const Runs runs(shape);
  if (runs.length == 0) return;
  if (runs.count == 1) return convert(on, from, runs.length, to);
  parallel_ranges(runs.count, runs.count * runs.length, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      convert(on, from + runs.offset(i, runs.shape.from_strides), runs.length,
              to + runs.offset(i, runs.shape.to_strides));
  });
}

template <typename T>
void add_turned(Cpu, const T* from, int64_t rows, int64_t columns, T factor, T* to) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[j * rows + i] += factor * from[i * columns + j];
}
template void add_turned(Cpu, const float*, int64_t, int64_t, float, float*);
template void add_turned(Cpu, const double*, int64_t, int64_t, double, double*);

#define MODR_ELEMENTWISE(T)                                                     \
  template void convert(Cpu, const T*, int64_t, float*);                        \
  template void convert(Cpu, const T*, int64_t, double*);                       \
  template void convert(Cpu, const T*, int64_t, bfloat16*);                     \
  template void fill(Cpu, T, int64_t, T*);                                      \
  template void add_scaled(Cpu, const T*, Exact<T>, int64_t, T*);               \
  template void scale(Cpu, Exact<T>, int64_t, T*);                              \
  template void add(Cpu, const T*, const T*, int64_t, T*);                      \
  template void scale_by(Cpu, const Exact<T>*, int64_t, T*);                    \
  template void add_squares(Cpu, std::span<const std::span<const T>>, double*); \
  template void copy(Cpu, const StridedCopy&, const T*, float*);                \
  template void copy(Cpu, const StridedCopy&, const T*, double*);               \
  template void copy(Cpu, const StridedCopy&, const T*, bfloat16*);
MODR_ELEMENTWISE(float)
MODR_ELEMENTWISE(double)
MODR_ELEMENTWISE(bfloat16)

}  // namespace modr::kernels
