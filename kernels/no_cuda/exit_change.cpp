#include "kernels/api/exit_change.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void latent_change(Cuda, const T*, const T*, int64_t, int64_t, bool, double*) {
  missing();
}
template <typename T>
void distribution_change(Cuda, const T*, int64_t, DistributionChange, double*, double*) {
  missing();
}

#define MODR_OF_TYPE(T)                                                                   \
  template void latent_change(Cuda, const T*, const T*, int64_t, int64_t, bool, double*); \
  template void distribution_change(Cuda, const T*, int64_t, DistributionChange, double*, double*);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
