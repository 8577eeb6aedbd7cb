#include "kernels/api/gated_mlp.hpp"

#include "base/dtype.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/store.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels {

template <typename T>
void silu_gate(Cpu, const T* ab, int64_t rows, int64_t width, T* out) {
  using E = Exact<T>;
  parallel_ranges(rows, rows * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* a = ab + row * 2 * width;
      const T* b = a + width;
      T* to = out + row * width;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) {
        const E gate = static_cast<E>(a[i]);
        store(gate / (E{1} + fast_exp(-gate)) * static_cast<E>(b[i]), to[i]);
      }
    }
  });
}

template <typename T>
void silu_gate_backward(Cpu, const T* dout, const T* ab, int64_t rows, int64_t width, T* dab) {
  using E = Exact<T>;
  parallel_ranges(rows, rows * width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* a = ab + row * 2 * width;
      const T* b = a + width;
      const T* dy = dout + row * width;
      T* da = dab + row * 2 * width;
      T* db = da + width;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) {
        const E gate = static_cast<E>(a[i]), gradient = static_cast<E>(dy[i]);
        const E sigmoid = E{1} / (E{1} + fast_exp(-gate));
        store(gradient * static_cast<E>(b[i]) * sigmoid * (E{1} + gate * (E{1} - sigmoid)), da[i]);
        store(gradient * gate * sigmoid, db[i]);
      }
    }
  });
}

#define MODR_SILU_GATE(T)                                       \
  template void silu_gate(Cpu, const T*, int64_t, int64_t, T*); \
  template void silu_gate_backward(Cpu, const T*, const T*, int64_t, int64_t, T*);
MODR_SILU_GATE(float)
MODR_SILU_GATE(double)
MODR_SILU_GATE(bfloat16)

}  // namespace modr::kernels
