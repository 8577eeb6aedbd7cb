#pragma once
// Matrix products by cuBLASLt: the only place that calls it.
#include <cublasLt.h>

#include <compare>
#include <string>

#include "kernels/api/gemm.hpp"
#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

/// Throws Error with the library's text where a call of it failed.
inline void check_cublas(cublasStatus_t status, const std::string& what) {
  if (status != CUBLAS_STATUS_SUCCESS) throw Error("cuBLASLt: " + what + ": " + cublasLtGetStatusString(status));
}

/// Types of a product: of A and B, of C, and of its sums and of alpha and beta.
struct ProductTypes {
  cudaDataType_t factors, result, scale;
  cublasComputeType_t compute;
  friend auto operator<=>(const ProductTypes&, const ProductTypes&) = default;
};

/// C = alpha op(A) op(B) + beta C of non-empty sizes; alpha and beta are the host's and of the type of sums. Sums are
/// never kept in a narrower type, float32 is never rounded to TF32, and equal calls on one device give the same bits.
/// Throws Error where cuBLASLt has no way to do it.
void multiply(Cuda on, const ProductTypes& types, const GemmShape& shape, const void* alpha, const void* a,
              const void* b, const void* beta, void* c);

}  // namespace modr::kernels
