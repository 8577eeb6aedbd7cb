#include "kernels/api/gated_mlp.hpp"

#include <cmath>

#include "base/bfloat16.hpp"
#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/pack.hpp"

namespace modr::kernels {

namespace {

template <typename E>
__device__ inline E sigmoid_of(E x) {
  return E{1} / (E{1} + std::exp(-x));
}

// Rows are of `packs` packs, those of [a, b] of twice as many.
template <int count, typename T>
__global__ void __launch_bounds__(256) gate_rows(const T* ab, int64_t rows, int64_t packs, T* out) {
  using E = Exact<T>;
  const int64_t column = column_of_thread();
  if (column >= packs) return;
  for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    const Pack<T, count> a = load_pack<count>(ab, 2 * row * packs + column);
    const Pack<T, count> b = load_pack<count>(ab, (2 * row + 1) * packs + column);
    Pack<T, count> y;
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const E gate = static_cast<E>(a.of[i]);
      y.of[i] = static_cast<T>(gate / (E{1} + std::exp(-gate)) * static_cast<E>(b.of[i]));
    }
    store_pack(y, row * packs + column, out);
  }
}

template <int count, typename T>
__global__ void __launch_bounds__(256)
    gate_rows_backward(const T* dout, const T* ab, int64_t rows, int64_t packs, T* dab) {
  using E = Exact<T>;
  const int64_t column = column_of_thread();
  if (column >= packs) return;
  for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    const int64_t at_a = 2 * row * packs + column, at_b = at_a + packs;
    const Pack<T, count> dy = load_pack<count>(dout, row * packs + column);
    const Pack<T, count> a = load_pack<count>(ab, at_a), b = load_pack<count>(ab, at_b);
    Pack<T, count> da, db;
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const E gate = static_cast<E>(a.of[i]), gradient = static_cast<E>(dy.of[i]), sigmoid = sigmoid_of(gate);
      da.of[i] = static_cast<T>(gradient * static_cast<E>(b.of[i]) * sigmoid * (E{1} + gate * (E{1} - sigmoid)));
      db.of[i] = static_cast<T>(gradient * gate * sigmoid);
    }
    store_pack(da, at_a, dab);
    store_pack(db, at_b, dab);
  }
}

}  // namespace

template <typename T>
void silu_gate(Cuda on, const T* ab, int64_t rows, int64_t width, T* out) {
  constexpr int count = values_of_16_bytes<T>();
  const bool packed = width % count == 0 && holds_packs<count>(ab) && holds_packs<count>(out);
  const int64_t packs = packed ? width / count : width;
  launch(over_columns(on, packs, rows), packed ? gate_rows<count, T> : gate_rows<1, T>, ab, rows, packs, out);
}

template <typename T>
void silu_gate_backward(Cuda on, const T* dout, const T* ab, int64_t rows, int64_t width, T* dab) {
  constexpr int count = values_of_16_bytes<T>();
  const bool packed =
      width % count == 0 && holds_packs<count>(dout) && holds_packs<count>(ab) && holds_packs<count>(dab);
  const int64_t packs = packed ? width / count : width;
  launch(over_columns(on, packs, rows), packed ? gate_rows_backward<count, T> : gate_rows_backward<1, T>, dout, ab,
         rows, packs, dab);
}

#define MODR_SILU_GATE(T)                                        \
  template void silu_gate(Cuda, const T*, int64_t, int64_t, T*); \
  template void silu_gate_backward(Cuda, const T*, const T*, int64_t, int64_t, T*);
MODR_SILU_GATE(float)
MODR_SILU_GATE(double)
MODR_SILU_GATE(bfloat16)

}  // namespace modr::kernels
