#include <device/shared.hpp>

#include "kernels/api/attention.hpp"
#include "kernels/cuda/attention_queries.hpp"
#include "kernels/cuda/attention_tile.hpp"
#include "kernels/cuda/fused_attention.hpp"
#include "kernels/cuda/launch.hpp"
#include "kernels/cuda/reduce.hpp"

namespace modr::kernels {

namespace {

constexpr int keys_a_lane = 2, tile_keys = 32 * keys_a_lane;

// The tokens that one head of a sequence may see: first the cached ones, then its own.
template <typename T>
struct Tokens {
  const T *slab, *qkv;    // qkv from the sequence's first row on
  const int64_t* cached;  // [past]
  int64_t past, width, column;

  __device__ const T* query(int64_t row) const { return qkv + row * 3 * width + column; }

  // The key of a token, `width` in front of its value; null where it is not in the cache.
  __device__ const T* key(int64_t token) const {
    if (token >= past) return query(token - past) + width;
    return cached[token] < 0 ? nullptr : slab + cached[token] * 2 * width + column;
  }
};

template <typename T>
__device__ Tokens<T> tokens_of(const CachedAttention<T>& a, int64_t sequence, int64_t begin) {
  const int64_t width = a.shape.heads * a.shape.head_dim;
  const int64_t past = a.past == nullptr ? 0 : a.past[sequence];
  return {a.slab, a.qkv + begin * 3 * width,    a.rows + sequence * a.max_past, past,
          width,  blockIdx.y * a.shape.head_dim};
}

// The running softmax of a warp's queries in base 2: largest score, and the sum of powers of each lane's keys.
template <typename E>
struct OnlineSoftmax {
  E largest[rows_a_warp], sum[rows_a_warp];

  __device__ OnlineSoftmax() {
#pragma unroll
    for (int r = 0; r < rows_a_warp; ++r) largest[r] = -INFINITY, sum[r] = 0;
  }

  // Scores of query r become weights; returns what those before are to be multiplied by. (Of no keys the largest is
  // -infinity, from which nothing may be subtracted.)
  __device__ E add(int r, E (&scores)[keys_a_lane]) {
    E most = largest[r];
#pragma unroll
    for (int o = 0; o < keys_a_lane; ++o) most = scores[o] > most ? scores[o] : most;
    for (int lanes = 16; lanes > 0; lanes /= 2) {
      const E other = __shfl_xor_sync(0xffffffffu, most, lanes);
      most = other > most ? other : most;
    }
    const E base = most == static_cast<E>(-INFINITY) ? E{0} : most, factor = power_of_2(largest[r] - base);
    largest[r] = most;
    sum[r] *= factor;
#pragma unroll
    for (int o = 0; o < keys_a_lane; ++o) sum[r] += scores[o] = power_of_2(scores[o] - base);
    return factor;
  }
};

// A block has a tile of queries of one head, each warp `rows_a_warp` of them, and goes through tiles of keys.
template <typename T, int chunks>
__global__ void __launch_bounds__(attention_threads, attention_blocks<Exact<T>, chunks>)
    attend_tile(CachedAttention<T> a, int64_t tiles, Exact<T>* log_sum_exp) {
  using E = Exact<T>;
  const int64_t sequence = blockIdx.x / tiles, head = blockIdx.y;
  const SequenceRows rows(a.shape, sequence);
  const int64_t first = (tiles - 1 - blockIdx.x % tiles) * tile_rows;  // those with most keys start first
  if (first >= rows.length) return;
  const Tokens<T> tokens = tokens_of(a, sequence, rows.begin);
  const int lane = static_cast<int>(threadIdx.x) % 32, mine = static_cast<int>(threadIdx.x) / 32 * rows_a_warp;
  const int dim = static_cast<int>(a.shape.head_dim), stride = tile_stride<E>(dim);
  E* memory = dynamic_shared<E>();
  const RowTile<E> queries{memory, dim, stride}, others{memory + tile_rows * stride, dim, stride};
  E* weights = memory + (tile_rows + tile_keys) * stride + mine * tile_keys;  // the warp's own
  OnlineSoftmax<E> softmax;
  E sums[rows_a_warp][chunks] = {};
  fill_tile(queries, tile_rows, scale_of<E>(dim),
            [&](int i) { return first + i < rows.length ? tokens.query(first + i) : nullptr; });
  const int64_t end = tokens.past + (first + tile_rows < rows.length ? first + tile_rows : rows.length);
  for (int64_t token = 0; token < end; token += tile_keys) {
    const auto key = [&](int64_t i) { return token + i < end ? tokens.key(token + i) : nullptr; };
    __syncthreads();  // the last values have been used
    fill_tile(others, tile_keys, E{1}, [&](int i) { return key(i); });
    __syncthreads();
    E scores[rows_a_warp][keys_a_lane] = {};
    add_dots(queries, mine, others, lane, scores);
#pragma unroll
    for (int r = 0; r < rows_a_warp; ++r) {
#pragma unroll
      for (int o = 0; o < keys_a_lane; ++o) {
        const int at = lane + 32 * o;
        if (token + at > tokens.past + first + mine + r || key(at) == nullptr) scores[r][o] = -INFINITY;
      }
      const E factor = softmax.add(r, scores[r]);
#pragma unroll
      for (int c = 0; c < chunks; ++c) sums[r][c] *= factor;
#pragma unroll
      for (int o = 0; o < keys_a_lane; ++o) weights[r * tile_keys + lane + 32 * o] = scores[r][o];
    }
    __syncthreads();  // the keys have been used
    fill_tile(others, tile_keys, E{1}, [&](int i) { return key(i) == nullptr ? nullptr : key(i) + tokens.width; });
    __syncthreads();
    add_weighted(weights, tile_keys, others, static_cast<int>(end - token < tile_keys ? end - token : tile_keys), sums);
  }
#pragma unroll
  for (int r = 0; r < rows_a_warp; ++r) {
    const E sum = warp_sum(softmax.sum[r]);
    const int64_t row = rows.begin + first + mine + r;
    if (row >= rows.begin + rows.length) continue;
#pragma unroll
    for (int c = 0; c < chunks; ++c)
      if (lane + 32 * c < dim)
        a.out[row * tokens.width + head * dim + lane + 32 * c] = static_cast<T>(sums[r][c] * (E{1} / sum));
    if (log_sum_exp != nullptr && lane == 0)
      log_sum_exp[head * a.shape.rows + row] = softmax.largest[r] * ln_of_2<E> + log_of(sum);
  }
}

}  // namespace

template <typename T>
void attend_queries(Cuda on, const CachedAttention<T>& a, Exact<T>* log_sum_exp) {
  const AttentionShape& s = a.shape;
  const int64_t tiles = tiles_of(s);
  if (tiles == 0) return;
  const Launch at = over_tiles(on, s, tile_bytes<Exact<T>>(s.head_dim, tile_rows + tile_keys, tile_rows * tile_keys));
  with_chunks(s.head_dim, [&](auto chunks) { launch(at, attend_tile<T, chunks()>, a, tiles, log_sum_exp); });
}

template <typename T>
int64_t causal_attention_workspace(Cuda, const AttentionShape&) {
  return 0;
}

template <typename T>
void causal_attention(Cuda on, const CausalAttention<T>& a) {
  if (attend_fused(on, a)) return;
  attend_queries<T>(on, {a.shape, a.qkv, nullptr, nullptr, nullptr, 0, a.out}, a.log_sum_exp);
}

#define MODR_ATTENTION(T)                                                      \
  template void attend_queries(Cuda, const CachedAttention<T>&, Exact<T>*);    \
  template int64_t causal_attention_workspace<T>(Cuda, const AttentionShape&); \
  template void causal_attention(Cuda, const CausalAttention<T>&);
MODR_ATTENTION(float)
MODR_ATTENTION(double)
MODR_ATTENTION(bfloat16)

}  // namespace modr::kernels
