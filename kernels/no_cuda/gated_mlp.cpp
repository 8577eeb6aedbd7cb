#include "kernels/api/gated_mlp.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void silu_gate(Cuda, const T*, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void silu_gate_backward(Cuda, const T*, const T*, int64_t, int64_t, T*) {
  missing();
}

#define MODR_OF_TYPE(T)                                          \
  template void silu_gate(Cuda, const T*, int64_t, int64_t, T*); \
  template void silu_gate_backward(Cuda, const T*, const T*, int64_t, int64_t, T*);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
