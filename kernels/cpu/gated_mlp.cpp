#include "kernels/api/gated_mlp.hpp"

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels::cpu {

template <typename T>
void silu_gate(const T* ab, int64_t rows, int64_t width, T* out) {
  parallel_ranges(rows, rows * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* a = ab + row * 2 * width;
      const T* b = a + width;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) out[row * width + i] = a[i] / (T{1} + fast_exp(-a[i])) * b[i];
    }
  });
}
template void silu_gate(const float*, int64_t, int64_t, float*);
template void silu_gate(const double*, int64_t, int64_t, double*);

template <typename T>
void silu_gate_backward(const T* dout, const T* ab, int64_t rows, int64_t width, T* dab) {
  parallel_ranges(rows, rows * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* a = ab + row * 2 * width;
      const T* b = a + width;
      const T* dy = dout + row * width;
      T* da = dab + row * 2 * width;
      T* db = da + width;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) {
        const T sigmoid = T{1} / (T{1} + fast_exp(-a[i]));
        da[i] = dy[i] * b[i] * sigmoid * (T{1} + a[i] * (T{1} - sigmoid));
        db[i] = dy[i] * a[i] * sigmoid;
      }
    }
  });
}
template void silu_gate_backward(const float*, const float*, int64_t, int64_t, float*);
template void silu_gate_backward(const double*, const double*, int64_t, int64_t, double*);

}  // namespace modr::kernels::cpu
