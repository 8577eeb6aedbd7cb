#pragma once
// What attention is made of: tiles of rows in shared memory, and the products of one warp's rows of a tile with another
// tile. Values are of an exact type; bf16 is converted when a tile is filled.
#include <cuda_runtime.h>

#include <cmath>
#include <type_traits>

#include "kernels/api/attention.hpp"
#include "kernels/cuda/launch.hpp"
#include "kernels/cuda/pack.hpp"

namespace modr::kernels {

inline constexpr int attention_threads = 256, attention_warps = 8;
inline constexpr int rows_a_warp = 4, tile_rows = attention_warps * rows_a_warp;  // of a tile whose rows are warps'

template <typename E>
inline constexpr int values_a_pack = 16 / sizeof(E);
template <typename E>
using PackOf = Pack<E, values_a_pack<E>>;

/// Blocks that a multiprocessor is to have room for: two, where their sums leave registers for them.
template <typename E, int chunks>
inline constexpr int attention_blocks = sizeof(E) == sizeof(float) && chunks <= 4 ? 2 : 1;

/// Rows of `dim` values, with zeros behind them up to an odd number of packs: the same pack of 8 rows is in all banks.
template <typename E>
struct RowTile {
  E* values;
  int dim, stride;

  __device__ E* row(int i) const { return values + i * stride; }
  __device__ const PackOf<E>* packs(int i) const { return reinterpret_cast<const PackOf<E>*>(row(i)); }
  __device__ int packs_a_row() const { return (dim + values_a_pack<E> - 1) / values_a_pack<E>; }
};

/// Elements from row to row of a tile.
template <typename E>
constexpr int tile_stride(int64_t dim) {
  const int packs = static_cast<int>((dim + values_a_pack<E> - 1) / values_a_pack<E>);
  return (packs | 1) * values_a_pack<E>;
}

/// Bytes of `rows` rows of tiles and of `weights` weights.
template <typename E>
constexpr std::size_t tile_bytes(int64_t dim, int64_t rows, int64_t weights) {
  return static_cast<std::size_t>(rows * tile_stride<E>(dim) + weights) * sizeof(E);
}

/// Row i of `rows` rows becomes factor * row_at(i), which is a pointer to values of any type; zeros where it is null.
/// All threads come; the tile may be used after a barrier.
template <typename E, typename RowAt>
__device__ void fill_tile(const RowTile<E>& tile, int rows, E factor, RowAt row_at) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  for (int i = warp; i < rows; i += attention_warps) {
    const auto* from = row_at(i);
    E* to = tile.row(i);
    for (int d = lane; d < tile.stride; d += 32)
      to[d] = from != nullptr && d < tile.dim ? factor * static_cast<E>(from[d]) : E{0};
  }
}

/// sums[r][o] += row first + r of `mine` times row other + 32 o of `others`.
template <int others_a_lane, typename E>
__device__ void add_dots(const RowTile<E>& mine, int first, const RowTile<E>& others, int other,
                         E (&sums)[rows_a_warp][others_a_lane]) {
  const int packs = mine.packs_a_row();
#pragma unroll 1
  for (int p = 0; p < packs; ++p) {
    PackOf<E> b[others_a_lane];
#pragma unroll
    for (int o = 0; o < others_a_lane; ++o) b[o] = others.packs(other + 32 * o)[p];
#pragma unroll
    for (int r = 0; r < rows_a_warp; ++r) {
      const PackOf<E> a = mine.packs(first + r)[p];
#pragma unroll
      for (int o = 0; o < others_a_lane; ++o)
#pragma unroll
        for (int v = 0; v < values_a_pack<E>; ++v) sums[r][o] += a.of[v] * b[o].of[v];
    }
  }
}

/// sums[r][c] += column lane + 32 c of the sum over rows j < count of the tile, each times weights[r][j]. Rows of
/// weights are `stride` long, whole packs, and up to a whole pack there have to be weights and rows.
template <int chunks, typename E>
__device__ void add_weighted(const E* weights, int stride, const RowTile<E>& tile, int count,
                             E (&sums)[rows_a_warp][chunks]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll 1
  for (int j = 0; j < count; j += values_a_pack<E>) {
    PackOf<E> factors[rows_a_warp];
#pragma unroll
    for (int r = 0; r < rows_a_warp; ++r) factors[r] = *reinterpret_cast<const PackOf<E>*>(weights + r * stride + j);
#pragma unroll
    for (int v = 0; v < values_a_pack<E>; ++v)
#pragma unroll
      for (int c = 0; c < chunks; ++c) {
        const int d = lane + 32 * c;
        const E value = d < tile.dim ? tile.row(j + v)[d] : E{0};
#pragma unroll
        for (int r = 0; r < rows_a_warp; ++r) sums[r][c] += factors[r].of[v] * value;
      }
  }
}

/// Tiles of the longest sequence, and a block for each tile of each sequence and head.
inline int64_t tiles_of(const AttentionShape& s) { return blocks_for(s.longest, tile_rows, INT32_MAX); }
inline Launch over_tiles(Cuda on, const AttentionShape& s, std::size_t shared_bytes) {
  const dim3 grid(blocks_for(tiles_of(s) * s.sequences, 1, INT32_MAX), static_cast<unsigned>(s.heads));
  return {grid, attention_threads, shared_bytes, stream_of(on)};
}

/// Calls f(std::integral_constant<int, chunks>), where 32 chunks columns are at least `dim`.
template <typename F>
void with_chunks(int64_t dim, F f) {
  if (dim <= 32)
    f(std::integral_constant<int, 1>{});
  else if (dim <= 64)
    f(std::integral_constant<int, 2>{});
  else if (dim <= 96)
    f(std::integral_constant<int, 3>{});
  else if (dim <= 128)
    f(std::integral_constant<int, 4>{});
  else
    f(std::integral_constant<int, 8>{});
}

__device__ inline float power_of_2(float x) { return exp2f(x); }
__device__ inline double power_of_2(double x) { return exp2(x); }
__device__ inline float log_of(float x) { return logf(x); }
__device__ inline double log_of(double x) { return log(x); }

/// What scores are multiplied by, for powers of two in place of e.
template <typename E>
__device__ E scale_of(int64_t head_dim) {
  return static_cast<E>(1.44269504088896340736) / sqrt(static_cast<E>(head_dim));
}
template <typename E>
inline constexpr E ln_of_2 = static_cast<E>(0.693147180559945309417);
template <typename E>
inline constexpr E log2_of_e = static_cast<E>(1.44269504088896340736);

/// Where a sequence lies, and one head in it.
struct SequenceRows {
  int64_t begin, length;

  __device__ SequenceRows(const AttentionShape& s, int64_t sequence)
      : begin(s.offsets[sequence]), length(s.offsets[sequence + 1] - begin) {}
};

}  // namespace modr::kernels
