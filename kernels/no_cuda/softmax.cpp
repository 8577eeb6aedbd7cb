#include "kernels/api/softmax.hpp"
#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

template <typename T>
void softmax(Cuda, const T*, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void softmax_backward(Cuda, const T*, const T*, int64_t, int64_t, T*) {
  missing();
}
template <typename T>
void log_probabilities(Cuda, const T*, int64_t, const int32_t*, const int32_t*, int64_t, double*) {
  missing();
}
template <typename T>
void cross_entropy(Cuda, const CrossEntropy<T>&, double*) {
  missing();
}
template <typename T>
void cross_entropy_backward(Cuda, const CrossEntropy<T>&, double, const T*, T*) {
  missing();
}
template <typename T>
void cross_entropy_and_gradient(Cuda, const CrossEntropyAndGradient<T>&) {
  missing();
}

#define MODR_OF_TYPE(T)                                                                                       \
  template void softmax(Cuda, const T*, int64_t, int64_t, T*);                                                \
  template void softmax_backward(Cuda, const T*, const T*, int64_t, int64_t, T*);                             \
  template void log_probabilities(Cuda, const T*, int64_t, const int32_t*, const int32_t*, int64_t, double*); \
  template void cross_entropy(Cuda, const CrossEntropy<T>&, double*);                                         \
  template void cross_entropy_backward(Cuda, const CrossEntropy<T>&, double, const T*, T*);                   \
  template void cross_entropy_and_gradient(Cuda, const CrossEntropyAndGradient<T>&);
MODR_OF_TYPE(float)
MODR_OF_TYPE(double)
MODR_OF_TYPE(bfloat16)

}  // namespace modr::kernels
