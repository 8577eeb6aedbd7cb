#include "kernels/api/gemm.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void gemm(Cuda, const GemmShape&, T, const T*, const T*, T, T*) {
  missing();
}
template <typename C>
void gemm_bf16(Cuda, const GemmShape&, const bfloat16*, const bfloat16*, bool, C*) {
  missing();
}

#define MODR_OF_TYPE(T) template void gemm(Cuda, const GemmShape&, T, const T*, const T*, T, T*);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

#define MODR_PRODUCT(C) template void gemm_bf16(Cuda, const GemmShape&, const bfloat16*, const bfloat16*, bool, C*);
MODR_PRODUCT(float)
MODR_PRODUCT(bfloat16)

}  // namespace modr::kernels
