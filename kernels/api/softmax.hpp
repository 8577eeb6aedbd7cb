#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// Softmax over rows of `width`.
template <typename T>
void softmax(Cpu, const T* x, int64_t rows, int64_t width, T* out);
template <typename T>
void softmax(Cuda, const T* x, int64_t rows, int64_t width, T* out);

/// dx = y (dy - sum(y dy)), assigned.
template <typename T>
void softmax_backward(Cpu, const T* dy, const T* y, int64_t rows, int64_t width, T* dx);
template <typename T>
void softmax_backward(Cuda, const T* dy, const T* y, int64_t rows, int64_t width, T* dx);

/// out[i] = log softmax(logits[rows[i]])[columns[i]], i < count, in double; NaN as soon as one of the row's logits is.
template <typename T>
void log_probabilities(Cpu, const T* logits, int64_t vocab, const int32_t* rows, const int32_t* columns, int64_t count,
                       double* out);
template <typename T>
void log_probabilities(Cuda, const T* logits, int64_t vocab, const int32_t* rows, const int32_t* columns, int64_t count,
                       double* out);

/// Cross-entropy of rows of logits: losses[row] = log_sum_exp[row] - logits[row][labels[row]], 0 where the label is
/// `ignored`.
template <typename T>
struct CrossEntropy {
  const T* logits;        // [rows, vocab]
  const int32_t* labels;  // [rows]
  int64_t rows, vocab;
  int32_t ignored;
  T* log_sum_exp;  // [rows], kept for backward
};

/// *losses += the sum of the losses, in double and in row order; on a GPU in an order that depends on `rows` alone.
template <typename T>
void cross_entropy(Cpu, const CrossEntropy<T>& args, double* losses);
template <typename T>
void cross_entropy(Cuda, const CrossEntropy<T>& args, double* losses);

/// dlogits [rows, vocab] = weight *dy (softmax(logits) - onehot(label)), zeros in ignored rows; assigned.
template <typename T>
void cross_entropy_backward(Cpu, const CrossEntropy<T>& args, double weight, const T* dy, T* dlogits);
template <typename T>
void cross_entropy_backward(Cuda, const CrossEntropy<T>& args, double weight, const T* dy, T* dlogits);

/// Both at once, for rows that all have a label: losses, and dlogits = factor * (softmax(logits) - onehot(label)).
template <typename T>
struct CrossEntropyAndGradient {
  Exact<T>* logits;       // [rows, vocab]; used up
  const int32_t* labels;  // [rows]
  int64_t rows, vocab;
  Exact<T> factor;
  double* losses;  // [rows]
  T* dlogits;      // [rows, vocab]: logits itself where it is of that type; null when not wanted
};

template <typename T>
void cross_entropy_and_gradient(Cpu, const CrossEntropyAndGradient<T>& args);
template <typename T>
void cross_entropy_and_gradient(Cuda, const CrossEntropyAndGradient<T>& args);

}  // namespace modr::kernels
