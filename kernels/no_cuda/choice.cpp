#include "kernels/api/choice.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void gather_columns(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void gather_columns_backward(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void largest_columns(Cuda, const T*, const T*, int64_t, int64_t, int64_t, int32_t*) {
  missing();
}
template <typename T>
void argmax(Cuda, const T*, int64_t, int64_t, int32_t*) {
  missing();
}

#define MODR_OF_TYPE(T)                                                                                 \
  template void gather_columns(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*);          \
  template void gather_columns_backward(Cuda, const T*, const int32_t*, int64_t, int64_t, int64_t, T*); \
  template void largest_columns(Cuda, const T*, const T*, int64_t, int64_t, int64_t, int32_t*);         \
  template void argmax(Cuda, const T*, int64_t, int64_t, int32_t*);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
