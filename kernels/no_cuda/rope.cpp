#include "kernels/api/rope.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void rope(Cuda, const RopeShape&, const T*, const Exact<T>*, const float*, const int32_t*, T*) {
  missing();
}
template <typename T>
void rope_backward(Cuda, const RopeShape&, const RopeBackward<T>&) {
  missing();
}

#define MODR_OF_TYPE(T)                                                                                    \
  template void rope(Cuda, const RopeShape&, const T*, const Exact<T>*, const float*, const int32_t*, T*); \
  template void rope_backward(Cuda, const RopeShape&, const RopeBackward<T>&);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
