#include "kernels/api/low_rank.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void low_rank_down(Cuda, const T*, int64_t, int64_t, const Exact<T>*, int64_t, Exact<T>, Exact<T>*) {
  missing();
}
template <typename T>
void low_rank_up(Cuda, const Exact<T>*, int64_t, int64_t, const Exact<T>*, int64_t, T*) {
  missing();
}
template <typename T>
void low_rank_outer(Cuda, const Exact<T>*, int64_t, int64_t, const T*, int64_t, Exact<T>*) {
  missing();
}

#define MODR_OF_TYPE(T)                                                                                         \
  template void low_rank_down(Cuda, const T*, int64_t, int64_t, const Exact<T>*, int64_t, Exact<T>, Exact<T>*); \
  template void low_rank_up(Cuda, const Exact<T>*, int64_t, int64_t, const Exact<T>*, int64_t, T*);             \
  template void low_rank_outer(Cuda, const Exact<T>*, int64_t, int64_t, const T*, int64_t, Exact<T>*);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
