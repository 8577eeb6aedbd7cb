#include "kernels/api/rope.hpp"

#include "kernels/cuda/columns.hpp"
#include "kernels/cuda/pack.hpp"

namespace modr::kernels {

namespace {

// `count` neighbours from `memory` on: one pack of them, or, where it may lie anywhere, one after another.
template <int count, bool packed, typename T>
__device__ inline Pack<T, count> load(const T* memory) {
  if constexpr (packed) {
    return load_pack<count>(memory, 0);
  } else {
    Pack<T, count> values;
#pragma unroll
    for (int i = 0; i < count; ++i) values.of[i] = memory[i];
    return values;
  }
}
template <int count, bool packed, typename T>
__device__ inline void store(const Pack<T, count>& values, T* memory) {
  if constexpr (packed) {
    store_pack(values, 0, memory);
  } else {
#pragma unroll
    for (int i = 0; i < count; ++i) memory[i] = values.of[i];
  }
}

// A thread has `count` neighbours of a row's [3, heads, head_dim], all in one head, and does so for some of the rows.
template <int count, bool packed, typename T>
__global__ void __launch_bounds__(256)
    rotate_rows(RopeShape s, const T* qkv, const Exact<T>* bias, const float* table, const int32_t* positions, T* out) {
  using E = Exact<T>;
  const int64_t width = s.heads * s.head_dim, at = column_of_thread() * count;
  if (at >= 3 * width) return;
  const int64_t in_head = at % s.head_dim;
  const bool is_value = at >= 2 * width;
  Pack<E, count> added{};
  if (!is_value && bias != nullptr) added = load<count, packed>(bias + at);
  for (int64_t row = blockIdx.y; row < s.rows; row += gridDim.y) {
    Pack<T, count> x = load<count, packed>(qkv + row * 3 * width + at);
    if (!is_value) {
      const Pack<float, count> angle = load<count, packed>(table + positions[row] * s.head_dim + in_head);
#pragma unroll
      for (int i = 0; i < count; i += 2) {
        const E even = static_cast<E>(x.of[i]) + added.of[i], odd = static_cast<E>(x.of[i + 1]) + added.of[i + 1];
        const E cosine = static_cast<E>(angle.of[i]), sine = static_cast<E>(angle.of[i + 1]);
        x.of[i] = static_cast<T>(even * cosine - odd * sine);
        x.of[i + 1] = static_cast<T>(even * sine + odd * cosine);
      }
    }
    store<count, packed>(x, out + row * 3 * width + at);
  }
}

// The rotation back of one pack of a row; sums += what it gives, before it is rounded.
template <int count, typename T>
__device__ inline void rotate_back(const Pack<float, count>& angle, Pack<T, count>& x, Exact<T> (&sums)[count]) {
  using E = Exact<T>;
#pragma unroll
  for (int i = 0; i < count; i += 2) {
    const E even = static_cast<E>(x.of[i]), odd = static_cast<E>(x.of[i + 1]);
    const E cosine = static_cast<E>(angle.of[i]), sine = static_cast<E>(angle.of[i + 1]);
    const E even_back = even * cosine + odd * sine, odd_back = odd * cosine - even * sine;
    sums[i] += even_back;
    sums[i + 1] += odd_back;
    x.of[i] = static_cast<T>(even_back);
    x.of[i + 1] = static_cast<T>(odd_back);
  }
}

constexpr int rows_at_once = 4;  // that a thread loads together: the pieces alone do not keep enough on its way

// Piece blockIdx.y of the rows, in order, with its share of dbias where that is wanted.
template <int count, bool packed, typename T>
__global__ void __launch_bounds__(256) rotate_rows_back(RopeShape s, RopeBackward<T> a) {
  const int64_t width = s.heads * s.head_dim, at = column_of_thread() * count;
  if (at >= 3 * width) return;
  const int64_t in_head = at % s.head_dim, piece = blockIdx.y, pieces = gridDim.y;
  const int64_t end = s.rows * (piece + 1) / pieces;
  const bool is_value = at >= 2 * width;
  Exact<T> sums[count] = {};
  for (int64_t first = s.rows * piece / pieces; first < end; first += rows_at_once) {
    Pack<T, count> x[rows_at_once];
#pragma unroll
    for (int i = 0; i < rows_at_once; ++i)
      if (first + i < end) x[i] = load<count, packed>(a.dout + (first + i) * 3 * width + at);
#pragma unroll
    for (int i = 0; i < rows_at_once; ++i) {
      if (first + i >= end) break;
      if (!is_value)
        rotate_back(load<count, packed>(a.table + a.positions[first + i] * s.head_dim + in_head), x[i], sums);
      store<count, packed>(x[i], a.dqkv + (first + i) * 3 * width + at);
    }
  }
  if (is_value || a.dbias == nullptr) return;
#pragma unroll
  for (int i = 0; i < count; ++i) a.shares[piece * 2 * width + at + i] = sums[i];
}

template <typename E>
__global__ void __launch_bounds__(256) add_shares(const E* shares, int64_t pieces, int64_t width, E* dbias) {
  const int64_t column = column_of_thread();
  if (column >= width) return;
  E sum = dbias[column];
  for (int64_t piece = 0; piece < pieces; ++piece) sum += shares[piece * width + column];
  dbias[column] = sum;
}

}  // namespace

template <typename T>
void rope(Cuda on, const RopeShape& s, const T* qkv, const Exact<T>* bias, const float* table, const int32_t* positions,
          T* out) {
  constexpr int count = std::max(values_of_16_bytes<T>(), 2);
  const bool packed = s.head_dim % count == 0 && holds_packs<count>(qkv) && holds_packs<count>(bias) &&
                      holds_packs<count>(table) && holds_packs<count>(out);
  const Launch at = over_columns(on, 3 * s.heads * s.head_dim / (packed ? count : 2), s.rows);
  launch(at, packed ? rotate_rows<count, true, T> : rotate_rows<2, false, T>, s, qkv, bias, table, positions, out);
}

template <typename T>
void rope_backward(Cuda on, const RopeShape& s, const RopeBackward<T>& a) {
  constexpr int count = std::max(values_of_16_bytes<T>(), 2);
  const bool packed = s.head_dim % count == 0 && holds_packs<count>(a.dout) && holds_packs<count>(a.table) &&
                      holds_packs<count>(a.dqkv);
  const int64_t width = s.heads * s.head_dim;
  const int64_t pieces = a.dbias == nullptr ? (s.rows + rows_at_once - 1) / rows_at_once : rope_pieces;
  const Launch at = over_columns(on, 3 * width / (packed ? count : 2), std::min(s.rows, pieces));
  launch(at, packed ? rotate_rows_back<count, true, T> : rotate_rows_back<2, false, T>, s, a);
  if (a.dbias != nullptr && s.rows > 0)
    launch(over_columns(on, 2 * width, 1), add_shares<Exact<T>>, a.shares, int64_t{at.grid.y}, 2 * width, a.dbias);
}

#define MODR_ROPE(T)                                                                                       \
  template void rope(Cuda, const RopeShape&, const T*, const Exact<T>*, const float*, const int32_t*, T*); \
  template void rope_backward(Cuda, const RopeShape&, const RopeBackward<T>&);
MODR_ROPE(float)
MODR_ROPE(double)
MODR_ROPE(bfloat16)

}  // namespace modr::kernels
