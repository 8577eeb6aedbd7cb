#include <device/shared.hpp>

#include "kernels/api/attention.hpp"
#include "kernels/cuda/attention_tile.hpp"
#include "kernels/cuda/fused_attention.hpp"
#include "kernels/cuda/launch.hpp"
#include "kernels/cuda/reduce.hpp"

namespace modr::kernels {

namespace {

// delta [heads, rows] = dout . out, what the softmax's gradient subtracts: a warp for each.
template <typename T>
__global__ void __launch_bounds__(attention_threads) write_delta(CausalAttentionBackward<T> a) {
  using E = Exact<T>;
  const int64_t at = int64_t{blockIdx.x} * attention_warps + threadIdx.x / 32, dim = a.shape.head_dim;
  if (at >= a.shape.rows * a.shape.heads) return;
  E sum = 0;
  for (int64_t d = threadIdx.x % 32; d < dim; d += 32)
    sum += static_cast<E>(a.dout[at * dim + d]) * static_cast<E>(a.out[at * dim + d]);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) a.delta[at % a.shape.heads * a.shape.rows + at / a.shape.heads] = sum;
}

// Rows of the tiles that are gone through: one a lane, or half of that in double, for which there is no room.
template <typename E>
constexpr int other_rows = sizeof(E) > sizeof(float) ? 16 : 32;

template <typename E>
constexpr std::size_t shared_bytes(int64_t dim) {
  return tile_bytes<E>(dim, 2 * (tile_rows + other_rows<E>), 2 * tile_rows * other_rows<E>);
}

// The gradients of a tile of rows, keys and values or queries, each warp having `rows_a_warp` of them. A row comes with
// a pair: a key with its value, a query with the gradient of its result. With weights p, recomputed from log_sum_exp,
// and ds = p (dp - delta) / sqrt(head_dim): dv = p^T dout, dk = ds^T q, dq = ds k.
template <typename T, int chunks, bool of_keys>
__global__ void __launch_bounds__(attention_threads, attention_blocks<Exact<T>, chunks>)
    write_gradients(CausalAttentionBackward<T> a, int64_t tiles) {
  using E = Exact<T>;
  constexpr int step = other_rows<E>;
  const int64_t head = blockIdx.y, turn = blockIdx.x % tiles;
  const SequenceRows rows(a.shape, blockIdx.x / tiles);
  const int64_t first = (of_keys ? turn : tiles - 1 - turn) * tile_rows;  // those with most pairs start first
  if (first >= rows.length) return;
  const int lane = static_cast<int>(threadIdx.x) % 32, mine = static_cast<int>(threadIdx.x) / 32 * rows_a_warp;
  const int dim = static_cast<int>(a.shape.head_dim), stride = tile_stride<E>(dim);
  const int64_t width = a.shape.heads * dim, column = head * dim;
  E* memory = dynamic_shared<E>();
  const auto tile_at = [&](int row) { return RowTile<E>{memory + row * stride, dim, stride}; };
  const RowTile<E> own = tile_at(0), own_pair = tile_at(tile_rows), others = tile_at(2 * tile_rows),
                   other_pairs = tile_at(2 * tile_rows + step);
  E* dscores = memory + 2 * (tile_rows + step) * stride + mine * step;  // [rows_a_warp, step], the warp's own
  E* weights = dscores + tile_rows * step;
  const auto fill = [&](const RowTile<E>& tile, const RowTile<E>& pairs, int count, int64_t from, bool keys) {
    const auto in_qkv = [&](int i, int part) {
      return from + i < rows.length ? a.qkv + (rows.begin + from + i) * 3 * width + part * width + column : nullptr;
    };
    fill_tile(tile, count, E{1}, [&](int i) { return in_qkv(i, keys ? 1 : 0); });
    fill_tile(pairs, count, E{1}, [&](int i) {
      if (keys) return in_qkv(i, 2);
      return from + i < rows.length ? a.dout + (rows.begin + from + i) * width + column : nullptr;
    });
  };
  const E scale = E{1} / sqrt(static_cast<E>(dim)), scale2 = scale_of<E>(dim);
  const E* log_sum_exp = a.log_sum_exp + head * a.shape.rows + rows.begin;
  const E* delta = a.delta + head * a.shape.rows + rows.begin;
  E sums[rows_a_warp][chunks] = {}, pair_sums[rows_a_warp][of_keys ? chunks : 1] = {};
  fill(own, own_pair, tile_rows, first, of_keys);
  const int64_t last = first + tile_rows < rows.length ? first + tile_rows : rows.length;
  const int64_t end = of_keys ? rows.length : last;
  for (int64_t other = of_keys ? first : 0; other < end; other += step) {
    __syncthreads();  // the last tile has been used
    fill(others, other_pairs, step, other, !of_keys);
    __syncthreads();
    E scores[rows_a_warp][1] = {}, products[rows_a_warp][1] = {};
    if (lane < step) {
      add_dots(own, mine, others, lane, scores);
      add_dots(own_pair, mine, other_pairs, lane, products);
#pragma unroll
      for (int r = 0; r < rows_a_warp; ++r) {
        const int64_t row = first + mine + r, query = of_keys ? other + lane : row, key = of_keys ? row : other + lane;
        const bool seen = key <= query && query < rows.length;
        const E weight = seen ? power_of_2(scores[r][0] * scale2 - log_sum_exp[query] * log2_of_e<E>) : E{0};
        dscores[r * step + lane] = seen ? scale * weight * (products[r][0] - delta[query]) : E{0};
        if (of_keys) weights[r * step + lane] = weight;
      }
    }
    __syncwarp();
    const int count = static_cast<int>(end - other < step ? end - other : step);
    add_weighted(dscores, step, others, count, sums);
    if constexpr (of_keys) add_weighted(weights, step, other_pairs, count, pair_sums);
  }
#pragma unroll
  for (int r = 0; r < rows_a_warp; ++r)
#pragma unroll
    for (int c = 0; c < chunks; ++c) {
      if (first + mine + r >= rows.length || lane + 32 * c >= dim) continue;
      T* to = a.dqkv + (rows.begin + first + mine + r) * 3 * width + column + lane + 32 * c;
      to[of_keys ? width : 0] = static_cast<T>(sums[r][c]);
      if constexpr (of_keys) to[2 * width] = static_cast<T>(pair_sums[r][c]);
    }
}

}  // namespace

template <typename T>
int64_t causal_attention_backward_workspace(Cuda, const AttentionShape&) {
  return 0;
}

template <typename T>
void causal_attention_backward(Cuda on, const CausalAttentionBackward<T>& a) {
  const AttentionShape& s = a.shape;
  if (s.rows == 0 || attend_backward_fused(on, a)) return;
  launch({blocks_for(s.rows * s.heads, attention_warps, INT32_MAX), attention_threads, 0, stream_of(on)},
         write_delta<T>, a);
  const int64_t tiles = tiles_of(s);
  const Launch at = over_tiles(on, s, shared_bytes<Exact<T>>(s.head_dim));
  with_chunks(s.head_dim, [&](auto chunks) {
    launch(at, write_gradients<T, chunks(), true>, a, tiles);
    launch(at, write_gradients<T, chunks(), false>, a, tiles);
  });
}

#define MODR_ATTENTION(T)                                                               \
  template int64_t causal_attention_backward_workspace<T>(Cuda, const AttentionShape&); \
  template void causal_attention_backward(Cuda, const CausalAttentionBackward<T>&);
MODR_ATTENTION(float)
MODR_ATTENTION(double)
MODR_ATTENTION(bfloat16)

}  // namespace modr::kernels
