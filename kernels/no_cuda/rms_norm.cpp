#include "kernels/api/rms_norm.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void rms_norm(Cuda, const RmsNorm<T>&) {
  missing();
}
template <typename T>
void rms_norm_backward(Cuda, const RmsNormBackward<T>&) {
  missing();
}

#define MODR_OF_TYPE(T)                            \
  template void rms_norm(Cuda, const RmsNorm<T>&); \
  template void rms_norm_backward(Cuda, const RmsNormBackward<T>&);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
