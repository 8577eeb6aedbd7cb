#include <device/shared.hpp>

#include "kernels/api/attention.hpp"
#include "kernels/cuda/attention_queries.hpp"
#include "kernels/cuda/attention_tile.hpp"
#include "kernels/cuda/scratch.hpp"

namespace modr::kernels {

namespace {

constexpr int most_queries = 4;   // new tokens that share one reading of the keys and values; more go in tiles
constexpr int part_tokens = 128;  // what one block reads of a sequence, in one head
constexpr int lanes_a_token = 8, tokens_at_once = attention_threads / lanes_a_token;
constexpr int tokens_a_lane = part_tokens / tokens_at_once;

// What a block found of its tokens: sums of values by weights relative to 2^largest, and the sum of weights.
template <typename T>
struct Parts {
  int64_t parts;         // of the longest sequence there may be
  Exact<T>* sums;        // [rows, heads, parts, head_dim]
  Exact<T>* statistics;  // [rows, heads, parts, 2]: largest, sum of weights
};

template <typename T, int count, int queries>
struct PartMemory {
  using E = Exact<T>;
  const T* keys[part_tokens];  // null where there is none
  E q[queries][max_head_dim];
  E scores[queries][part_tokens];
  E largest[queries], total[queries];
  E sums[attention_threads * count][queries];  // [thread, value of its pack]
};

// scores[query][token] of the block's tokens. Eight lanes have a token together, in packs of `count` values, and all
// their tokens at once, so that many loads are on their way.
template <int count, int queries, typename T>
__device__ void score_tokens(PartMemory<T, count, queries>& memory, int dim, int64_t token0, int64_t first_new) {
  using E = Exact<T>;
  const int lane = static_cast<int>(threadIdx.x) % lanes_a_token, mine = static_cast<int>(threadIdx.x) / lanes_a_token;
  E dots[tokens_a_lane][queries] = {};
  for (int p = lane; p < dim / count; p += lanes_a_token) {
    Pack<T, count> keys[tokens_a_lane] = {};
#pragma unroll
    for (int t = 0; t < tokens_a_lane; ++t) {
      const T* key = memory.keys[mine + t * tokens_at_once];
      if (key != nullptr) keys[t] = reinterpret_cast<const Pack<T, count>*>(key)[p];
    }
#pragma unroll
    for (int v = 0; v < count; ++v)
#pragma unroll
      for (int i = 0; i < queries; ++i)
#pragma unroll
        for (int t = 0; t < tokens_a_lane; ++t)
          dots[t][i] += memory.q[i][p * count + v] * static_cast<E>(keys[t].of[v]);
  }
#pragma unroll
  for (int t = 0; t < tokens_a_lane; ++t)
#pragma unroll
    for (int i = 0; i < queries; ++i) {
      const int token = mine + t * tokens_at_once;
      E dot = dots[t][i];
      for (int lanes = lanes_a_token / 2; lanes > 0; lanes /= 2) dot += __shfl_xor_sync(0xffffffffu, dot, lanes);
      const bool seen = memory.keys[token] != nullptr && token0 + token - first_new <= i;
      if (lane == 0) memory.scores[i][token] = seen ? dot : static_cast<E>(-INFINITY);
    }
}

// Scores become weights, of query i by warp i.
template <int count, int queries, typename T>
__device__ void weigh_tokens(PartMemory<T, count, queries>& memory) {
  using E = Exact<T>;
  const int i = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  if (i >= queries) return;
  E* scores = memory.scores[i];
  E largest = -INFINITY, total = 0;
  for (int token = lane; token < part_tokens; token += 32)
    if (scores[token] > largest) largest = scores[token];
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const E other = __shfl_xor_sync(0xffffffffu, largest, lanes);
    largest = other > largest ? other : largest;
  }
  const E base = largest == static_cast<E>(-INFINITY) ? E{0} : largest;
  for (int token = lane; token < part_tokens; token += 32) total += scores[token] = power_of_2(scores[token] - base);
  for (int lanes = 16; lanes > 0; lanes /= 2) total += __shfl_xor_sync(0xffffffffu, total, lanes);
  if (lane == 0) memory.largest[i] = largest, memory.total[i] = total;
}

// memory.sums: each thread has one pack of columns, and every `groups`th token.
template <int count, int queries, typename T>
__device__ void add_values(PartMemory<T, count, queries>& memory, int dim, int64_t width) {
  using E = Exact<T>;
  const int packs = dim / count, groups = attention_threads / packs;
  const int pack = static_cast<int>(threadIdx.x) % packs, group = static_cast<int>(threadIdx.x) / packs;
  if (group >= groups) return;
  E sums[count][queries] = {};
#pragma unroll 4
  for (int token = group; token < part_tokens; token += groups) {
    const T* key = memory.keys[token];
    Pack<T, count> value = {};
    if (key != nullptr) value = reinterpret_cast<const Pack<T, count>*>(key + width)[pack];
#pragma unroll
    for (int v = 0; v < count; ++v)
#pragma unroll
      for (int i = 0; i < queries; ++i) sums[v][i] += memory.scores[i][token] * static_cast<E>(value.of[v]);
  }
#pragma unroll
  for (int v = 0; v < count; ++v)
#pragma unroll
    for (int i = 0; i < queries; ++i) memory.sums[(group * packs + pack) * count + v][i] = sums[v][i];
}

template <int count, int queries, typename T>
__global__ void __launch_bounds__(attention_threads) attend_part(CachedAttention<T> a, Parts<T> to) {
  using E = Exact<T>;
  auto& memory = block_shared<PartMemory<T, count, queries>>();
  const int64_t sequence = blockIdx.x / to.parts, part = blockIdx.x % to.parts, head = blockIdx.y;
  const SequenceRows rows(a.shape, sequence);
  const int64_t past = a.past[sequence], token0 = part * part_tokens, end = past + rows.length;
  if (token0 >= end || rows.length == 0) return;
  const int dim = static_cast<int>(a.shape.head_dim), thread = static_cast<int>(threadIdx.x);
  const int64_t width = a.shape.heads * dim;
  const T* qkv = a.qkv + rows.begin * 3 * width + head * dim;
  if (thread < part_tokens) {
    const int64_t token = token0 + thread, slot = token < past ? a.rows[sequence * a.max_past + token] : -1;
    const T* key = token >= past && token < end ? qkv + (token - past) * 3 * width + width : nullptr;
    memory.keys[thread] = slot >= 0 ? a.slab + slot * 2 * width + head * dim : key;
  }
  for (int i = 0; i < queries; ++i)
    for (int d = thread; d < dim; d += attention_threads)
      memory.q[i][d] = i < rows.length ? scale_of<E>(dim) * static_cast<E>(qkv[i * 3 * width + d]) : E{0};
  __syncthreads();
  score_tokens(memory, dim, token0, past);
  __syncthreads();
  weigh_tokens(memory);
  __syncthreads();
  add_values(memory, dim, width);
  __syncthreads();
  const int groups = attention_threads / (dim / count);
  for (int i = 0; i < queries && i < rows.length; ++i) {
    const int64_t at = ((rows.begin + i) * a.shape.heads + head) * to.parts + part;
    for (int d = thread; d < dim; d += attention_threads) {
      E sum = 0;
      for (int group = 0; group < groups; ++group) sum += memory.sums[group * dim + d][i];
      if (to.parts == 1)
        a.out[(rows.begin + i) * width + head * dim + d] = static_cast<T>(sum * (E{1} / memory.total[i]));
      else
        to.sums[at * dim + d] = sum;
    }
    if (to.parts > 1 && thread == 0) {
      to.statistics[2 * at] = memory.largest[i];
      to.statistics[2 * at + 1] = memory.total[i];
    }
  }
}

// The results of a sequence in one head, of its parts in their order: a warp a new token, at most `most_queries`.
template <typename T>
__global__ void __launch_bounds__(32 * most_queries) add_parts(CachedAttention<T> a, Parts<T> from) {
  using E = Exact<T>;
  const int64_t sequence = blockIdx.x, head = blockIdx.y, dim = a.shape.head_dim;
  const SequenceRows rows(a.shape, sequence);
  const int64_t query = threadIdx.x / 32, parts = (a.past[sequence] + rows.length + part_tokens - 1) / part_tokens;
  if (query >= rows.length) return;
  const int64_t at = ((rows.begin + query) * a.shape.heads + head);
  const E *sums = from.sums + at * from.parts * dim, *statistics = from.statistics + at * from.parts * 2;
  E largest = -INFINITY, total = 0;
  for (int64_t part = 0; part < parts; ++part)
    if (statistics[2 * part] > largest) largest = statistics[2 * part];
  for (int64_t part = 0; part < parts; ++part)
    total += power_of_2(statistics[2 * part] - largest) * statistics[2 * part + 1];
  for (int64_t d = threadIdx.x % 32; d < dim; d += 32) {
    E sum = 0;
    for (int64_t part = 0; part < parts; ++part)
      sum += power_of_2(statistics[2 * part] - largest) * sums[part * dim + d];
    a.out[at * dim + d] = static_cast<T>(sum * (E{1} / total));
  }
}

// Whether keys and values lie in packs of 16 bytes.
template <typename T>
bool in_packs(const CachedAttention<T>& a) {
  constexpr int count = values_a_pack<T>;
  return a.shape.head_dim % count == 0 && holds_packs<count>(a.qkv) && holds_packs<count>(a.slab);
}

template <typename T, int queries>
void start_parts(Cuda on, const CachedAttention<T>& a, const Parts<T>& to) {
  const dim3 grid(blocks_for(to.parts * a.shape.sequences, 1, INT32_MAX), static_cast<unsigned>(a.shape.heads));
  const Launch at{grid, attention_threads, 0, stream_of(on)};
  if (in_packs(a))
    launch(at, attend_part<values_a_pack<T>, queries, T>, a, to);
  else
    launch(at, attend_part<1, queries, T>, a, to);
}

}  // namespace

template <typename T>
void cached_attention(Cuda on, const CachedAttention<T>& a) {
  using E = Exact<T>;
  const AttentionShape& s = a.shape;
  if (s.rows == 0) return;
  if (s.longest > most_queries) return attend_queries<T>(on, a, nullptr);
  const cudaStream_t stream = stream_of(on);
  Parts<T> parts{blocks_for(a.max_past + s.longest, part_tokens, INT32_MAX), nullptr, nullptr};
  const int64_t results = s.rows * s.heads * parts.parts;
  const Scratch scratch(on, parts.parts == 1 ? 0 : static_cast<std::size_t>(results * (s.head_dim + 2)) * sizeof(E));
  if (parts.parts > 1) {
    parts.sums = scratch.as<E>();
    parts.statistics = parts.sums + results * s.head_dim;
  }
  if (s.longest == 1)
    start_parts<T, 1>(on, a, parts);
  else
    start_parts<T, most_queries>(on, a, parts);
  if (parts.parts == 1) return;
  const dim3 grid(static_cast<unsigned>(s.sequences), static_cast<unsigned>(s.heads));
  launch({grid, 32 * most_queries, 0, stream}, add_parts<T>, a, parts);
}

template void cached_attention(Cuda, const CachedAttention<float>&);
template void cached_attention(Cuda, const CachedAttention<double>&);
template void cached_attention(Cuda, const CachedAttention<bfloat16>&);

}  // namespace modr::kernels
