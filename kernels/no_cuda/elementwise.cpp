#include "kernels/api/elementwise.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename From, typename To>
void convert(Cuda, const From*, int64_t, To*) {
  missing();
}
template <typename T>
void fill(Cuda, T, int64_t, T*) {
  missing();
}
template <typename T>
void add_scaled(Cuda, const T*, Exact<T>, int64_t, T*) {
  missing();
}
template <typename T>
void scale(Cuda, Exact<T>, int64_t, T*) {
  missing();
}
template <typename T>
void add(Cuda, const T*, const T*, int64_t, T*) {
  missing();
}
template <typename T>
void sigmoid(Cuda, const T*, int64_t, T*) {
  missing();
}
template <typename T>
void sigmoid_backward(Cuda, const T*, const T*, int64_t, T*) {
  missing();
}
template <typename T>
void scale_by(Cuda, const Exact<T>*, int64_t, T*) {
  missing();
}
void add_up(Cuda, const double*, int64_t, double*) { missing(); }
template <typename T>
void add_squares(Cuda, std::span<const std::span<const T>>, double*) {
  missing();
}
template <typename From, typename To>
void copy(Cuda, const StridedCopy&, const From*, To*) {
  missing();
}
template <typename T>
void add_turned(Cuda, const T*, int64_t, int64_t, T, T*) {
  missing();
}

#define MODR_OF_TYPE(T)                                                          \
  template void fill(Cuda, T, int64_t, T*);                                      \
  template void add_scaled(Cuda, const T*, Exact<T>, int64_t, T*);               \
  template void scale(Cuda, Exact<T>, int64_t, T*);                              \
  template void add(Cuda, const T*, const T*, int64_t, T*);                      \
  template void sigmoid(Cuda, const T*, int64_t, T*);                            \
  template void sigmoid_backward(Cuda, const T*, const T*, int64_t, T*);         \
  template void scale_by(Cuda, const Exact<T>*, int64_t, T*);                    \
  template void add_squares(Cuda, std::span<const std::span<const T>>, double*); \
  template void add_turned(Cuda, const T*, int64_t, int64_t, T, T*);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

#define MODR_OF_TYPES(From, To)                           \
  template void convert(Cuda, const From*, int64_t, To*); \
  template void copy(Cuda, const StridedCopy&, const From*, To*);
#define MODR_FROM(From)       \
  MODR_OF_TYPES(From, float)  \
  MODR_OF_TYPES(From, double) \
  MODR_OF_TYPES(From, bfloat16)
MODR_FROM(float)
MODR_FROM(double)
MODR_FROM(bfloat16)

}  // namespace modr::kernels
