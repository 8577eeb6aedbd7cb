#include "kernels/api/random.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void uniform(Cuda, const PhiloxStream&, int64_t, double, int64_t, T*) {
  missing();
}
template <typename T>
void truncated_normal(Cuda, const PhiloxStream&, const NormalScale&, double, int64_t, T*) {
  missing();
}
template <typename T>
void truncated_normal_rows(Cuda, const PhiloxStream*, double, double, int64_t, int64_t, T*) {
  missing();
}

#define MODR_OF_TYPE(T)                                                                               \
  template void uniform(Cuda, const PhiloxStream&, int64_t, double, int64_t, T*);                     \
  template void truncated_normal(Cuda, const PhiloxStream&, const NormalScale&, double, int64_t, T*); \
  template void truncated_normal_rows(Cuda, const PhiloxStream*, double, double, int64_t, int64_t, T*);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
