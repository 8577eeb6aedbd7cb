#include "kernels/api/softmax.hpp"

#include <cfloat>
#include <cmath>

#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/pack.hpp"
#include "kernels/cuda/reduce.hpp"

namespace modr::kernels {

namespace {

// The largest of a row and the sum of exp(value - largest).
template <typename E>
struct RowSum {
  E largest, sum;
};

// One pass over a row of one block: each thread keeps its own largest value and sum, which is scaled when that grows
// (Milakov & Gimelshein 2018, arXiv 1805.02867). NaN where a value is, or where all are -inf.
template <int count, typename E>
__device__ RowSum<E> sum_row(const E* x, int64_t packs) {
  E largest = sizeof(E) == 8 ? static_cast<E>(-DBL_MAX) : static_cast<E>(-FLT_MAX), sum = 0;
  constexpr int at_once = sizeof(E) == 8 ? 1 : 2;  // loads on their way
  for (int64_t first = threadIdx.x; first < packs; first += at_once * blockDim.x) {
    Pack<E, count> values[at_once];
#pragma unroll
    for (int k = 0; k < at_once; ++k) {
      const int64_t i = first + k * int64_t{blockDim.x};
      if (i < packs) values[k] = load_pack<count>(x, i);
      else
        for (E& value : values[k].of) value = -static_cast<E>(INFINITY);
    }
    E most = largest;
    for (const Pack<E, count>& pack : values)
#pragma unroll
      for (int j = 0; j < count; ++j) most = larger(most, pack.of[j]);
    if (most > largest) {
      sum *= std::exp(largest - most);
      largest = most;
    }
    for (const Pack<E, count>& pack : values)
#pragma unroll
      for (int j = 0; j < count; ++j) sum += std::exp(pack.of[j] - largest);
  }
  const E of_row = block_max(largest);
  sum = block_sum(sum * std::exp(largest - of_row));
  return {of_row, sum == 0 ? static_cast<E>(NAN) : sum};
}

template <int count, typename T>
__global__ void __launch_bounds__(512) softmax_rows(const T* x, int64_t packs, T* out) {
  const int64_t first = blockIdx.x * packs * count;
  const RowSum<T> of = sum_row<count>(x + first, packs);
  for (int64_t i = threadIdx.x; i < packs; i += blockDim.x) {
    Pack<T, count> values = load_pack<count>(x + first, i);
#pragma unroll
    for (int j = 0; j < count; ++j) values.of[j] = std::exp(values.of[j] - of.largest) / of.sum;
    store_pack(values, i, out + first);
  }
}

template <typename T>
__global__ void __launch_bounds__(512) softmax_rows_backward(const T* dy, const T* y, int64_t width, T* dx) {
  const int64_t first = blockIdx.x * width;
  T dot = 0;
  for (int64_t i = threadIdx.x; i < width; i += blockDim.x) dot += y[first + i] * dy[first + i];
  dot = block_sum(dot);
  for (int64_t i = threadIdx.x; i < width; i += blockDim.x) dx[first + i] = y[first + i] * (dy[first + i] - dot);
}

}  // namespace

template <typename T>
void softmax(Cuda on, const T* x, int64_t rows, int64_t width, T* out) {
  constexpr int count = values_of_16_bytes<T>();
  const bool packed = width % count == 0 && holds_packs<count>(x) && holds_packs<count>(out);
  const int64_t packs = packed ? width / count : width;
  launch({static_cast<unsigned>(rows), threads_of_row(packs, 4), 0, stream_of(on)},
         packed ? softmax_rows<count, T> : softmax_rows<1, T>, x, packs, out);
}
template void softmax(Cuda, const float*, int64_t, int64_t, float*);
template void softmax(Cuda, const double*, int64_t, int64_t, double*);

template <typename T>
void softmax_backward(Cuda on, const T* dy, const T* y, int64_t rows, int64_t width, T* dx) {
  launch({static_cast<unsigned>(rows), threads_of_row(width, 4), 0, stream_of(on)}, softmax_rows_backward<T>, dy, y,
         width, dx);
}
template void softmax_backward(Cuda, const float*, const float*, int64_t, int64_t, float*);
template void softmax_backward(Cuda, const double*, const double*, int64_t, int64_t, double*);

namespace {

// A block a value.
template <typename T>
__global__ void __launch_bounds__(512)
    log_probability_of(const T* logits, int64_t vocab, const int32_t* rows, const int32_t* columns, double* out) {
  const T* x = logits + rows[blockIdx.x] * vocab;
  double largest = -DBL_MAX, sum = 0;
  for (int64_t i = threadIdx.x; i < vocab; i += blockDim.x) largest = larger(largest, static_cast<double>(x[i]));
  largest = block_max(largest);
  for (int64_t i = threadIdx.x; i < vocab; i += blockDim.x) sum += exp(static_cast<double>(x[i]) - largest);
  sum = block_sum(sum);
  if (threadIdx.x == 0) out[blockIdx.x] = static_cast<double>(x[columns[blockIdx.x]]) - largest - log(sum);
}

}  // namespace

template <typename T>
void log_probabilities(Cuda on, const T* logits, int64_t vocab, const int32_t* rows, const int32_t* columns,
                       int64_t count, double* out) {
  launch({static_cast<unsigned>(count), threads_of_row(vocab, 4), 0, stream_of(on)}, log_probability_of<T>, logits,
         vocab, rows, columns, out);
}
template void log_probabilities(Cuda, const float*, int64_t, const int32_t*, const int32_t*, int64_t, double*);
template void log_probabilities(Cuda, const double*, int64_t, const int32_t*, const int32_t*, int64_t, double*);

namespace {

template <int count, typename T>
__global__ void __launch_bounds__(512) log_sum_exp_of_rows(const T* logits, int64_t packs, T* log_sum_exp) {
  const RowSum<T> of = sum_row<count>(logits + blockIdx.x * packs * count, packs);
  if (threadIdx.x == 0) log_sum_exp[blockIdx.x] = of.largest + std::log(of.sum);
}

// One block: the order depends on the number of rows alone.
template <typename T>
__global__ void __launch_bounds__(256) sum_losses(CrossEntropy<T> a, double* losses) {
  double sum = 0;
  for (int64_t row = threadIdx.x; row < a.rows; row += blockDim.x)
    if (const int32_t label = a.labels[row]; label != a.ignored)
      sum += static_cast<double>(a.log_sum_exp[row]) - static_cast<double>(a.logits[row * a.vocab + label]);
  sum = block_sum(sum);
  if (threadIdx.x == 0) *losses += sum;
}

template <int count, typename T>
__global__ void __launch_bounds__(256)
    gradient_of_logits(CrossEntropy<T> a, double weight, const T* dy, int64_t packs, T* dlogits) {
  const int64_t column = column_of_thread();
  if (column >= packs) return;
  const T factor = static_cast<T>(weight * static_cast<double>(*dy));
  for (int64_t row = blockIdx.y; row < a.rows; row += gridDim.y) {
    const int32_t label = a.labels[row];
    Pack<T, count> gradient{};
    if (label != a.ignored) {
      const Pack<T, count> x = load_pack<count>(a.logits, row * packs + column);
      const T log_sum_exp = a.log_sum_exp[row];
#pragma unroll
      for (int j = 0; j < count; ++j) {
        gradient.of[j] = factor * std::exp(x.of[j] - log_sum_exp);
        if (column * count + j == label) gradient.of[j] -= factor;
      }
    }
    store_pack(gradient, row * packs + column, dlogits);
  }
}

}  // namespace

template <typename T>
void cross_entropy(Cuda on, const CrossEntropy<T>& a, double* losses) {
  constexpr int count = values_of_16_bytes<T>();
  const bool packed = a.vocab % count == 0 && holds_packs<count>(a.logits);
  const int64_t packs = packed ? a.vocab / count : a.vocab;
  const cudaStream_t stream = stream_of(on);
  launch({static_cast<unsigned>(a.rows), threads_of_row(packs, 4), 0, stream},
         packed ? log_sum_exp_of_rows<count, T> : log_sum_exp_of_rows<1, T>, a.logits, packs, a.log_sum_exp);
  launch({1, threads_of_row(std::min<int64_t>(a.rows, 256), 1), 0, stream}, sum_losses<T>, a, losses);
}
template void cross_entropy(Cuda, const CrossEntropy<float>&, double*);
template void cross_entropy(Cuda, const CrossEntropy<double>&, double*);

template <typename T>
void cross_entropy_backward(Cuda on, const CrossEntropy<T>& a, double weight, const T* dy, T* dlogits) {
  constexpr int count = values_of_16_bytes<T>();
  const bool packed = a.vocab % count == 0 && holds_packs<count>(a.logits) && holds_packs<count>(dlogits);
  const int64_t packs = packed ? a.vocab / count : a.vocab;
  launch(over_columns(on, packs, a.rows), packed ? gradient_of_logits<count, T> : gradient_of_logits<1, T>, a, weight,
         dy, packs, dlogits);
}
template void cross_entropy_backward(Cuda, const CrossEntropy<float>&, double, const float*, float*);
template void cross_entropy_backward(Cuda, const CrossEntropy<double>&, double, const double*, double*);

namespace {

// The second pass finds the row in the second cache. (dlogits may be the logits: a thread reads what it writes to.)
template <int count, typename T>
__global__ void __launch_bounds__(512) loss_and_gradient_of_rows(CrossEntropyAndGradient<T> a, int64_t packs) {
  using E = Exact<T>;
  const int64_t row = blockIdx.x;
  const E* x = a.logits + row * a.vocab;
  const int32_t label = a.labels[row];
  const E labelled = x[label];
  const RowSum<E> of = sum_row<count>(x, packs);  // (whose barriers come before the first write)
  if (threadIdx.x == 0)
    a.losses[row] =
        static_cast<double>(of.largest) + std::log(static_cast<double>(of.sum)) - static_cast<double>(labelled);
  if (a.dlogits == nullptr) return;
  const E scale = a.factor / of.sum;
  for (int64_t i = threadIdx.x; i < packs; i += blockDim.x) {
    const Pack<E, count> values = load_pack<count>(x, i);
    Pack<T, count> gradient;
#pragma unroll
    for (int j = 0; j < count; ++j) {
      const E softmax = scale * std::exp(values.of[j] - of.largest);
      gradient.of[j] = static_cast<T>(i * count + j == label ? softmax - a.factor : softmax);
    }
    store_pack(gradient, i, a.dlogits + row * a.vocab);
  }
}

}  // namespace

template <typename T>
void cross_entropy_and_gradient(Cuda on, const CrossEntropyAndGradient<T>& a) {
  constexpr int count = values_of_16_bytes<Exact<T>>();
  const bool packed = a.vocab % count == 0 && holds_packs<count>(a.logits) && holds_packs<count>(a.dlogits);
  const int64_t packs = packed ? a.vocab / count : a.vocab;
  launch({static_cast<unsigned>(a.rows), threads_of_row(packs, 4), 0, stream_of(on)},
         packed ? loss_and_gradient_of_rows<count, T> : loss_and_gradient_of_rows<1, T>, a, packs);
}
template void cross_entropy_and_gradient(Cuda, const CrossEntropyAndGradient<float>&);
template void cross_entropy_and_gradient(Cuda, const CrossEntropyAndGradient<double>&);
template void cross_entropy_and_gradient(Cuda, const CrossEntropyAndGradient<bfloat16>&);

}  // namespace modr::kernels
