#include "kernels/api/adamw.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void adamw(Cuda, const AdamWStep&, std::span<const AdamWTensor<T>>) {
  missing();
}

#define MODR_OF_TYPE(T) template void adamw(Cuda, const AdamWStep&, std::span<const AdamWTensor<T>>);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
