#include "kernels/api/gemm.hpp"
#include "kernels/cuda/cublaslt.hpp"
#include "kernels/cuda/few_rows.hpp"

namespace modr::kernels {

namespace {

constexpr int threads = 256;
constexpr int64_t most_rows_at_once = 65535;  // blocks in y; the kernel strides over the rest

// C = beta C, whatever C holds where beta is 0: a product of no columns.
template <typename C, typename E>
__global__ void __launch_bounds__(threads) scale_rows(int64_t m, int64_t n, int64_t ldc, E beta, C* c) {
  const int64_t column = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (column >= n) return;
  for (int64_t row = blockIdx.y; row < m; row += gridDim.y) {
    C& value = c[row * ldc + column];
    value = static_cast<C>(beta == E{0} ? E{0} : beta * static_cast<E>(value));
  }
}

template <typename C, typename E>
void product(Cuda on, const ProductTypes& types, const GemmShape& s, E alpha, const void* a, const void* b, E beta,
             C* c) {
  if (s.m == 0 || s.n == 0) return;
  if (s.k > 0) return multiply(on, types, s, &alpha, a, b, &beta, c);
  const dim3 grid(blocks_for(s.n, threads, INT32_MAX), blocks_for(s.m, 1, most_rows_at_once));
  launch({grid, threads, 0, stream_of(on)}, scale_rows<C, E>, s.m, s.n, s.ldc, beta, c);
}

}  // namespace

template <>
void gemm(Cuda on, const GemmShape& shape, float alpha, const float* a, const float* b, float beta, float* c) {
  product(on, {CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F}, shape, alpha, a, b, beta, c);
}

template <>
void gemm(Cuda on, const GemmShape& shape, double alpha, const double* a, const double* b, double beta, double* c) {
  product(on, {CUDA_R_64F, CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F}, shape, alpha, a, b, beta, c);
}

template <typename C>
void gemm_bf16(Cuda on, const GemmShape& shape, const bfloat16* a, const bfloat16* b, bool accumulate, C* c) {
  if (has_few_rows(shape, a, b)) return multiply_few_rows(on, shape, a, b, accumulate, c);
  constexpr cudaDataType_t result = sizeof(C) == sizeof(float) ? CUDA_R_32F : CUDA_R_16BF;
  product(on, {CUDA_R_16BF, result, CUDA_R_32F, CUBLAS_COMPUTE_32F}, shape, 1.0f, a, b, accumulate ? 1.0f : 0.0f, c);
}
template void gemm_bf16(Cuda, const GemmShape&, const bfloat16*, const bfloat16*, bool, bfloat16*);
template void gemm_bf16(Cuda, const GemmShape&, const bfloat16*, const bfloat16*, bool, float*);

}  // namespace modr::kernels
