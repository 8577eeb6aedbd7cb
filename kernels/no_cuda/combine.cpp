#include "kernels/api/combine.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void combine(Cuda, const CombineShape&, bool, const T*, const Exact<T>*, T*) {
  missing();
}
template <typename T>
void combine_backward(Cuda, const CombineBackward<T>&) {
  missing();
}

#define MODR_OF_TYPE(T)                                                                  \
  template void combine(Cuda, const CombineShape&, bool, const T*, const Exact<T>*, T*); \
  template void combine_backward(Cuda, const CombineBackward<T>&);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
