#pragma once
#include <cstdint>

#include "base/bfloat16.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// Sizes of one matrix product C = alpha op(A) op(B) + beta C, everything row-major: op(A) is [m, k], op(B) [k, n],
/// C [m, n]; the leading dimensions are row lengths in memory of A, B and C as stored.
struct GemmShape {
  bool transpose_a = false, transpose_b = false;
  int64_t m = 0, n = 0, k = 0;
  int64_t lda = 0, ldb = 0, ldc = 0;
};

/// A row's bits depend on its row of A and on B alone, not on m, while A is not transposed, alpha is 1 and beta 0 or 1
/// (kernels/README.md, "Contract"; the CPU's alone). double by plain loops (checks only). Empty sizes are allowed.
template <typename T>
void gemm(Cpu, const GemmShape& shape, T alpha, const T* a, const T* b, T beta, T* c);
template <typename T>
void gemm(Cuda, const GemmShape& shape, T alpha, const T* a, const T* b, T beta, T* c);

/// C = op(A) op(B), or C += with `accumulate`, in bfloat16 with sums in float; C of bfloat16 or float.
/// The same contract, but on AMX.
template <typename C>
void gemm_bf16(Cpu, const GemmShape& shape, const bfloat16* a, const bfloat16* b, bool accumulate, C* c);
template <typename C>
void gemm_bf16(Cuda, const GemmShape& shape, const bfloat16* a, const bfloat16* b, bool accumulate, C* c);

}  // namespace modr::kernels
