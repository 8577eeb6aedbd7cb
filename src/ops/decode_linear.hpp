#pragma once
#include "autograd/variable.hpp"
#include "ops/matmul.hpp"

namespace modr::ops {

/// What the few rows of a decoding step are made of by the product that reads them, so that norms and gates have no
/// pass over memory of their own (kernels/api/decode_product.hpp): the gate or the outer norm of x, then the norm.
/// Weights of norms that are undefined stand for none.
struct MadeRows {
  Variable x;                          // [rows, in]; [rows, 2 in] of a gate
  bool gate = false;                   // silu(a) * b of rows [a, b]
  Variable residual = {}, outer = {};  // outer RMSNorm, [in], of x + residual
  Tensor kept = {};                    // [rows, in], gets the outer norm's result
  Variable norm = {};                  // RMSNorm, [in]
  double eps = 0;                      // of both
};

/// Whether decode_linear() of so many rows is to be called: of bf16 on a GPU, and no gradient is wanted.
bool makes_rows(const Variable& x, int64_t in);

/// y = rows W^T [rows, out] of a packed weight [out, in], where makes_rows(). Throws Error for sizes that do not fit.
Variable decode_linear(const MadeRows& rows, const Tensor& weight);

}  // namespace modr::ops
