#pragma once
// Plain products of tensors (no gradient), the building block of linear.cpp and lora_linear.cpp.
#include "tensor/tensor.hpp"

namespace modr::ops {

/// A tensor read as a matrix, optionally transposed: rows of the last dimension, everything before flattened.
/// A slice of columns of a contiguous matrix is allowed.
struct Matrix {
  Tensor tensor;
  bool transposed = false;
};

/// out = alpha a b + beta out; shapes [m, k], [k, n], [m, n] after transposition. With beta 0 `out` may be unset.
void matmul(const Matrix& a, const Matrix& b, const Tensor& out, double alpha = 1, double beta = 0);

}  // namespace modr::ops
