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
/// Of bf16 matrices, `out` may be bf16 or f32, alpha is 1 and beta 0 or 1; sums are kept in f32.
void matmul(const Matrix& a, const Matrix& b, const Tensor& out, double alpha = 1, double beta = 0);

/// A matrix that serves many products: in their dtype, and in bf16 laid out for the processor's matrix units.
struct PackedMatrix {
  Matrix plain;      // of an exact dtype: the matrix itself, not a copy
  Tensor laid_out;   // of bf16, opaque
  int64_t k = 0, n = 0;

  bool defined() const { return plain.tensor.defined() || laid_out.defined(); }
};

/// `matrix`, of an exact dtype, for products of `dtype`: the same, or bf16 beside f32.
PackedMatrix pack(const Matrix& matrix, DType dtype);

/// out = a b, or += with `accumulate`; all of the dtype that b was packed for, `out` also of exact(dtype).
void matmul_packed(const Matrix& a, const PackedMatrix& b, const Tensor& out, bool accumulate = false);

/// The matrices that a weight [out, in] is for a linear layer.
struct PackedWeight {
  PackedMatrix forward;   // W^T
  PackedMatrix backward;  // W; undefined where no gradient passes

  bool defined() const { return forward.defined(); }
};

/// Packs both, or W^T alone.
PackedWeight pack_weight(const Tensor& weight, DType dtype, bool with_backward);

}  // namespace modr::ops
