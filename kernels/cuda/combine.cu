#include "kernels/api/combine.hpp"
#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/pack.hpp"
#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/scratch.hpp"

namespace modr::kernels {

namespace {

// The unit of a row. Where all units are as long, a guess finds it.
__device__ inline int64_t unit_of(const CombineShape& s, int64_t row) {
  const int64_t guess = row * s.units / s.rows;
  if (s.unit_rows[guess] <= row && row < s.unit_rows[guess + 1]) return guess;
  int64_t low = 0, high = s.units;  // unit_rows[low] <= row < unit_rows[high]
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (s.unit_rows[middle] <= row) low = middle;
    else high = middle;
  }
  return low;
}

template <typename E>
__device__ inline E factor_of(const CombineShape& s, bool constant_gate, const E* gates, int64_t at) {
  return constant_gate ? E{1} / static_cast<E>(s.choices) : gates[at];
}

template <int count, typename T>
__global__ void __launch_bounds__(256)
    combine_rows(CombineShape s, bool constant_gate, const T* passes, const Exact<T>* gates, T* out) {
  using E = Exact<T>;
  const int64_t column = column_of_thread(), packs = s.width / count;
  if (column >= packs) return;
  for (int64_t row = blockIdx.y; row < s.rows; row += gridDim.y) {
    const int64_t unit = unit_of(s, row), in_unit = row - s.unit_rows[unit];
    E sums[count] = {};
    for (int64_t at = unit * s.choices; at < (unit + 1) * s.choices; ++at) {
      const int64_t from = s.pass_rows[s.position[at]] + in_unit;
      const Pack<T, count> values = load_pack<count>(passes, from * packs + column);
      const E factor = factor_of(s, constant_gate, gates, at);
#pragma unroll
      for (int i = 0; i < count; ++i) sums[i] += factor * static_cast<E>(values.of[i]);
    }
    Pack<T, count> sum;
#pragma unroll
    for (int i = 0; i < count; ++i) sum.of[i] = static_cast<T>(sums[i]);
    store_pack(sum, row * packs + column, out);
  }
}

constexpr int threads = 256;

// Piece blockIdx.y of choice blockIdx.x: its part of dpasses, and of the sum that is the gate's gradient.
template <int count, typename T>
__global__ void __launch_bounds__(threads) gradients_of_choices(CombineBackward<T> a, Exact<T>* sums) {
  using E = Exact<T>;
  const CombineShape& s = a.shape;
  const int64_t at = blockIdx.x, piece = blockIdx.y, pieces = gridDim.y, unit = at / s.choices;
  const int64_t packs = (s.unit_rows[unit + 1] - s.unit_rows[unit]) * s.width / count;
  const T* dy = a.dout + s.unit_rows[unit] * s.width;
  const int64_t pass = s.pass_rows[s.position[at]] * s.width;
  const E factor = factor_of(s, a.constant_gate, a.gates, at);
  E dot = 0;
  for (int64_t i = packs * piece / pieces + threadIdx.x; i < packs * (piece + 1) / pieces; i += blockDim.x) {
    const Pack<T, count> gradient = load_pack<count>(dy, i);
    if (a.dpasses != nullptr) {
      Pack<T, count> dpass;
#pragma unroll
      for (int j = 0; j < count; ++j) dpass.of[j] = static_cast<T>(factor * static_cast<E>(gradient.of[j]));
      store_pack(dpass, i, a.dpasses + pass);
    }
    if (a.dgates == nullptr) continue;
    const Pack<T, count> value = load_pack<count>(a.passes + pass, i);
#pragma unroll
    for (int j = 0; j < count; ++j) dot += static_cast<E>(gradient.of[j]) * static_cast<E>(value.of[j]);
  }
  if (a.dgates == nullptr) return;
  dot = block_sum(dot);
  if (threadIdx.x == 0) sums[at * pieces + piece] = dot;
}

template <typename E>
__global__ void __launch_bounds__(threads) add_pieces(const E* sums, int64_t n, int64_t pieces, E* dgates) {
  for (int64_t at = int64_t{blockIdx.x} * threads + threadIdx.x; at < n; at += int64_t{gridDim.x} * threads) {
    E sum = 0;
    for (int64_t piece = 0; piece < pieces; ++piece) sum += sums[at * pieces + piece];
    dgates[at] = sum;
  }
}

template <typename T>
bool in_packs(int64_t width, const T* a, const T* b, const T* c) {
  constexpr int count = values_of_16_bytes<T>();
  return width % count == 0 && holds_packs<count>(a) && holds_packs<count>(b) && holds_packs<count>(c);
}

}  // namespace

template <typename T>
void combine(Cuda on, const CombineShape& s, bool constant_gate, const T* passes, const Exact<T>* gates, T* out) {
  constexpr int count = values_of_16_bytes<T>();
  const bool packed = in_packs<T>(s.width, passes, out, nullptr);
  launch(over_columns(on, packed ? s.width / count : s.width, s.rows),
         packed ? combine_rows<count, T> : combine_rows<1, T>, s, constant_gate, passes, gates, out);
}

template <typename T>
void combine_backward(Cuda on, const CombineBackward<T>& a) {
  using E = Exact<T>;
  constexpr int count = values_of_16_bytes<T>();
  const int64_t choices = a.shape.units * a.shape.choices;
  if (choices == 0) return;
  // A unit may be a whole sequence, and there may be few: then several blocks have a part of each.
  constexpr int64_t values_of_block = 16 * threads * count;
  const int64_t values = a.shape.rows * a.shape.width / a.shape.units;
  const int64_t pieces = std::clamp(values / values_of_block, int64_t{1}, int64_t{64});
  const Launch at{dim3(static_cast<unsigned>(choices), static_cast<unsigned>(pieces)), threads, 0, stream_of(on)};
  const auto kernel = in_packs<T>(a.shape.width, a.dout, a.passes, a.dpasses) ? gradients_of_choices<count, T>
                                                                              : gradients_of_choices<1, T>;
  if (a.dgates == nullptr || pieces == 1) return launch(at, kernel, a, a.dgates);
  const Scratch scratch(on, static_cast<std::size_t>(choices * pieces) * sizeof(E));
  E* sums = scratch.as<E>();
  launch(at, kernel, a, sums);
  launch({blocks_for(choices, threads, 4096), threads, 0, at.stream}, add_pieces<E>, sums, choices, pieces, a.dgates);
}

#define MODR_COMBINE(T)                                                                  \
  template void combine(Cuda, const CombineShape&, bool, const T*, const Exact<T>*, T*); \
  template void combine_backward(Cuda, const CombineBackward<T>&);
MODR_COMBINE(float)
MODR_COMBINE(double)
MODR_COMBINE(bfloat16)

}  // namespace modr::kernels
