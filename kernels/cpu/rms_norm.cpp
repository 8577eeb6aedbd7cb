#include "kernels/api/rms_norm.hpp"

#include <cmath>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels::cpu {

template <typename T>
void rms_norm(const T* x, const T* weight, T eps, int64_t rows, int64_t width, T* y, T* inverse_rms) {
  parallel_ranges(rows, rows * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + row * width;
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < width; ++i) sum += from[i] * from[i];
      const T inverse = T{1} / std::sqrt(sum / static_cast<T>(width) + eps);
      inverse_rms[row] = inverse;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) y[row * width + i] = from[i] * inverse * weight[i];
    }
  });
}
template void rms_norm(const float*, const float*, float, int64_t, int64_t, float*, float*);
template void rms_norm(const double*, const double*, double, int64_t, int64_t, double*, double*);

namespace {

// dx = r (w dy) - x r^3 / width * sum(w dy x), with r = 1 / rms.
template <typename T>
void input_gradient(const RmsNormBackward<T>& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* x = a.x + row * a.width;
    const T* dy = a.dy + row * a.width;
    T* dx = a.dx + row * a.width;
    T dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < a.width; ++i) dot += a.weight[i] * dy[i] * x[i];
    const T r = a.inverse_rms[row], common = dot * r * r * r / static_cast<T>(a.width);
#pragma omp simd
    for (int64_t i = 0; i < a.width; ++i) dx[i] = r * a.weight[i] * dy[i] - common * x[i];
  }
}

}  // namespace

template <typename T>
void rms_norm_backward(const RmsNormBackward<T>& a) {
  if (a.dx != nullptr)
    parallel_ranges(a.rows, a.rows * a.width, [&](int64_t begin, int64_t end) { input_gradient(a, begin, end); });
  if (a.dweight == nullptr) return;
  // Threads own columns, so that the order of the sum over rows is fixed.
  parallel_ranges(a.width, a.rows * a.width, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < a.rows; ++row) {
      const T* x = a.x + row * a.width;
      const T* dy = a.dy + row * a.width;
      const T r = a.inverse_rms[row];
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) a.dweight[i] += dy[i] * x[i] * r;
    }
  });
}
template void rms_norm_backward(const RmsNormBackward<float>&);
template void rms_norm_backward(const RmsNormBackward<double>&);

}  // namespace modr::kernels::cpu
