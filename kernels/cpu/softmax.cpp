#include "kernels/api/softmax.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/softmax.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels {

template <typename T>
void softmax(Cpu, const T* x, int64_t rows, int64_t width, T* out) {
  for (int64_t row = 0; row < rows; ++row) {
    const T* from = x + row * width;
    T* to = out + row * width;
    const T largest = *std::max_element(from, from + width);
    T sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += to[i] = fast_exp(from[i] - largest);
    for (int64_t i = 0; i < width; ++i) to[i] /= sum;
  }
}
template void softmax(Cpu, const float*, int64_t, int64_t, float*);
template void softmax(Cpu, const double*, int64_t, int64_t, double*);

template <typename T>
void softmax_backward(Cpu, const T* dy, const T* y, int64_t rows, int64_t width, T* dx) {
  for (int64_t row = 0; row < rows; ++row, dy += width, y += width, dx += width) {
    T dot = 0;
    for (int64_t i = 0; i < width; ++i) dot += y[i] * dy[i];
    for (int64_t i = 0; i < width; ++i) dx[i] = y[i] * (dy[i] - dot);
  }
}
template void softmax_backward(Cpu, const float*, const float*, int64_t, int64_t, float*);
template void softmax_backward(Cpu, const double*, const double*, int64_t, int64_t, double*);

template <typename T>
void log_probabilities(Cpu, const T* logits, int64_t vocab, const int32_t* rows, const int32_t* columns, int64_t count,
                       double* out) {
  parallel_ranges(count, count * vocab, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      out[i] = log_softmax_at(std::span(logits + rows[i] * vocab, static_cast<std::size_t>(vocab)),
                              static_cast<std::size_t>(columns[i]));
  });
}
template void log_probabilities(Cpu, const float*, int64_t, const int32_t*, const int32_t*, int64_t, double*);
template void log_probabilities(Cpu, const double*, int64_t, const int32_t*, const int32_t*, int64_t, double*);

template <typename T>
void cross_entropy(Cpu, const CrossEntropy<T>& a, double* losses) {
  parallel_ranges(a.rows, a.rows * a.vocab, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* x = a.logits + row * a.vocab;
      T largest = x[0];
#pragma omp simd reduction(max : largest)
      for (int64_t i = 1; i < a.vocab; ++i) largest = x[i] > largest ? x[i] : largest;
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < a.vocab; ++i) sum += fast_exp(x[i] - largest);
      a.log_sum_exp[row] = largest + std::log(sum);
    }
  });
  double total = 0;
  for (int64_t row = 0; row < a.rows; ++row)
    if (a.labels[row] != a.ignored)
      total += static_cast<double>(a.log_sum_exp[row]) - static_cast<double>(a.logits[row * a.vocab + a.labels[row]]);
  *losses += total;
}
template void cross_entropy(Cpu, const CrossEntropy<float>&, double*);
template void cross_entropy(Cpu, const CrossEntropy<double>&, double*);

template <typename T>
void cross_entropy_backward(Cpu, const CrossEntropy<T>& a, double weight, const T* dy, T* dlogits) {
  const T factor = static_cast<T>(weight * static_cast<double>(*dy));
  parallel_ranges(a.rows, a.rows * a.vocab, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* x = a.logits + row * a.vocab;
      T* dx = dlogits + row * a.vocab;
      if (a.labels[row] == a.ignored) {
        std::fill_n(dx, a.vocab, T{0});
        continue;
      }
      const T log_sum_exp = a.log_sum_exp[row];
#pragma omp simd
      for (int64_t i = 0; i < a.vocab; ++i) dx[i] = factor * fast_exp(x[i] - log_sum_exp);
      dx[a.labels[row]] -= factor;
    }
  });
}
template void cross_entropy_backward(Cpu, const CrossEntropy<float>&, double, const float*, float*);
template void cross_entropy_backward(Cpu, const CrossEntropy<double>&, double, const double*, double*);

namespace {

// A row of logits stays in the cache for its three passes: the largest, exponentials and their sum, the gradient.
template <typename T>
void loss_and_gradient_of_row(const CrossEntropyAndGradient<T>& a, int64_t row) {
  using E = Exact<T>;
  E* x = a.logits + row * a.vocab;
  const E labelled = x[a.labels[row]];
  E largest = x[0];
#pragma omp simd reduction(max : largest)
  for (int64_t i = 1; i < a.vocab; ++i) largest = x[i] > largest ? x[i] : largest;
  E sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < a.vocab; ++i) sum += x[i] = fast_exp(x[i] - largest);
  a.losses[row] = static_cast<double>(largest) + std::log(static_cast<double>(sum)) - static_cast<double>(labelled);
  if (a.dlogits == nullptr) return;
  T* dx = a.dlogits + row * a.vocab;
  const E scale = a.factor / sum, target = x[a.labels[row]] * scale - a.factor;
#pragma omp simd
  for (int64_t i = 0; i < a.vocab; ++i) store(scale * x[i], dx[i]);
  store(target, dx[a.labels[row]]);
}

}  // namespace

template <typename T>
void cross_entropy_and_gradient(Cpu, const CrossEntropyAndGradient<T>& a) {
  parallel_ranges(a.rows, a.rows * a.vocab, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) loss_and_gradient_of_row(a, row);
  });
}
template void cross_entropy_and_gradient(Cpu, const CrossEntropyAndGradient<float>&);
template void cross_entropy_and_gradient(Cpu, const CrossEntropyAndGradient<double>&);
template void cross_entropy_and_gradient(Cpu, const CrossEntropyAndGradient<bfloat16>&);

}  // namespace modr::kernels
