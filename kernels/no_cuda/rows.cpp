#include "kernels/api/rows.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename Table, typename T>
void gather_rows(Cuda, const Table*, const int32_t*, int64_t, int64_t, Exact<T>, T*) {
  missing();
}
template <typename T, typename Table>
void scatter_add_rows(Cuda, const T*, const int32_t*, int64_t, int64_t, Exact<T>, Table*) {
  missing();
}
template <typename T>
void masked_mean(Cuda, const T*, const uint8_t*, int64_t, const int64_t*, int64_t, Exact<T>*) {
  missing();
}
template <typename T>
void masked_mean_backward(Cuda, const Exact<T>*, const uint8_t*, int64_t, const int64_t*, int64_t, T*) {
  missing();
}

#define MODR_OF_TYPE(T)                                                                                   \
  template void masked_mean(Cuda, const T*, const uint8_t*, int64_t, const int64_t*, int64_t, Exact<T>*); \
  template void masked_mean_backward(Cuda, const Exact<T>*, const uint8_t*, int64_t, const int64_t*, int64_t, T*);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

#define MODR_ROWS(Table, T)                                                                      \
  template void gather_rows(Cuda, const Table*, const int32_t*, int64_t, int64_t, Exact<T>, T*); \
  template void scatter_add_rows(Cuda, const T*, const int32_t*, int64_t, int64_t, Exact<T>, Table*);
MODR_ROWS(float, float)
MODR_ROWS(double, double)
MODR_ROWS(bfloat16, bfloat16)
MODR_ROWS(float, bfloat16)

}  // namespace modr::kernels
