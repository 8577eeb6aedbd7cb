#include "kernels/api/elementwise.hpp"

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels::cpu {

template <typename T>
void add_scaled(const T* x, T factor, int64_t n, T* y) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] += factor * x[i];
  });
}
template void add_scaled(const float*, float, int64_t, float*);
template void add_scaled(const double*, double, int64_t, double*);

template <typename T>
void scale(T factor, int64_t n, T* y) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) y[i] *= factor;
  });
}
template void scale(float, int64_t, float*);
template void scale(double, int64_t, double*);

template <typename T>
void add(const T* a, const T* b, int64_t n, T* out) {
  parallel_ranges(n, n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) out[i] = a[i] + b[i];
  });
}
template void add(const float*, const float*, int64_t, float*);
template void add(const double*, const double*, int64_t, double*);

template <typename T>
void sigmoid(const T* x, int64_t n, T* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = T{1} / (T{1} + fast_exp(-x[i]));
}
template void sigmoid(const float*, int64_t, float*);
template void sigmoid(const double*, int64_t, double*);

}  // namespace modr::kernels::cpu
