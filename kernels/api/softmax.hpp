#pragma once
#include <cstdint>

#include "base/dtype.hpp"

namespace modr::kernels::cpu {

/// Softmax over rows of `width`.
template <typename T>
void softmax(const T* x, int64_t rows, int64_t width, T* out);

/// dx = y (dy - sum(y dy)), assigned.
template <typename T>
void softmax_backward(const T* dy, const T* y, int64_t rows, int64_t width, T* dx);

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

/// Sum of the losses, in double and in row order.
template <typename T>
double cross_entropy(const CrossEntropy<T>& args);

/// dlogits [rows, vocab] = factor * (softmax(logits) - onehot(label)), zeros in ignored rows; assigned.
template <typename T>
void cross_entropy_backward(const CrossEntropy<T>& args, T factor, T* dlogits);

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
void cross_entropy_and_gradient(const CrossEntropyAndGradient<T>& args);

}  // namespace modr::kernels::cpu
