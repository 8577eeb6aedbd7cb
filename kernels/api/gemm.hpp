#pragma once
#include <cstdint>

namespace modr::kernels::cpu {

/// Sizes of one matrix product C = alpha op(A) op(B) + beta C, everything row-major: op(A) is [m, k], op(B) [k, n],
/// C [m, n]; the leading dimensions are row lengths in memory of A, B and C as stored.
struct GemmShape {
  bool transpose_a = false, transpose_b = false;
  int64_t m = 0, n = 0, k = 0;
  int64_t lda = 0, ldb = 0, ldc = 0;
};

/// float32 through oneDNN, float64 by plain loops (checks only). Empty sizes are allowed.
template <typename T>
void gemm(const GemmShape& shape, T alpha, const T* a, const T* b, T beta, T* c);

}  // namespace modr::kernels::cpu
