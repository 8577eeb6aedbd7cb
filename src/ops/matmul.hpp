#pragma once
// Plain products of tensors (no gradient), the building block of linear.cpp and lora_linear.cpp.
#include "tensor/tensor.hpp"

namespace modr::ops {

/// A tensor read as a matrix, optionally transposed: rows of the last dimension, everything before flattened.
/// A slice of columns of a contiguous matrix is allowed, and as the right one of two a packed matrix
/// (Tensor::packed()).
struct Matrix {
  Tensor tensor;
  bool transposed = false;

  bool defined() const { return tensor.defined(); }
};

/// out = alpha a b + beta out; shapes [m, k], [k, n], [m, n] after transposition. With beta 0 `out` may be unset.
/// Of bf16 matrices, `out` may be bf16 or f32, alpha is 1 and beta 0 or 1; sums are kept in f32. Throws Error for a
/// packed b that is not transposed where its device cannot (see pack()).
void matmul(const Matrix& a, const Matrix& b, const Tensor& out, double alpha = 1, double beta = 0);

/// Whether products read a packed matrix of this device as it is too, besides its transpose, and lookups its rows.
bool packed_is_open(Device device);

/// `matrix` for many products of `dtype`: of an exact dtype the same, for bf16 a copy in the layout that multiplies
/// fastest; or itself, where it is laid out so already and its device can multiply with it this way round.
Matrix pack(const Matrix& matrix, DType dtype);
/// `packed`, or, where that is undefined, `matrix` packed for one product.
Matrix packed_or(const Matrix& packed, const Matrix& matrix, DType dtype);

/// The matrices that a weight [out, in] is for a linear layer.
struct PackedWeight {
  Matrix forward;   // W^T
  Matrix backward;  // W; undefined where no gradient passes

  bool defined() const { return forward.defined(); }
};

/// Packs both, or W^T alone.
PackedWeight pack_weight(const Tensor& weight, DType dtype, bool with_backward);

}  // namespace modr::ops
