#pragma once
// Where the heads of a batch lie, and how their tiles are split among threads.
#include <omp.h>

#include "kernels/cpu/attention_tile.hpp"
#include "kernels/cpu/parallel.hpp"

namespace modr::kernels {

/// One head of one sequence inside a fused projection: rows `stride` apart.
template <typename T>
struct Head {
  const T *q, *k, *v;
  int64_t stride;

  Rows<const T> queries(int64_t row) const { return {q + row * stride, stride}; }
  Rows<const T> keys(int64_t row) const { return {k + row * stride, stride}; }
  Rows<const T> values(int64_t row) const { return {v + row * stride, stride}; }
};

template <typename T>
Head<T> head_of(const AttentionShape& s, const T* qkv, int64_t sequence, int64_t head) {
  const int64_t width = s.heads * s.head_dim;
  const T* base = qkv + s.offsets[sequence] * 3 * width + head * s.head_dim;
  return {base, base + width, base + 2 * width, 3 * width};
}

/// Pairs of tiles that one head of a sequence works through: its tile t of queries sees t + 1 tiles of keys.
constexpr int64_t tile_pairs(int64_t length, int64_t tile) {
  const int64_t tiles = ceil_div(length, tile);
  return tiles * (tiles + 1) / 2;
}

inline int64_t tile_pairs(const AttentionShape& s, int64_t tile) {
  int64_t pairs = 0;
  for (int64_t sequence = 0; sequence < s.sequences; ++sequence)
    pairs += s.heads * tile_pairs(s.length(sequence), tile);
  return pairs;
}

/// One thread's part of the pairs of tiles of all heads.
struct WorkShare {
  int64_t index, begin, end;
};

/// The number of parts that work is cut into.
inline int64_t work_shares() { return omp_in_parallel() ? 1 : omp_get_max_threads(); }

/// Elements of all rows of one head, as load_rows() lays them out: up to whole tiles of the longest sequence.
template <typename E>
int64_t packed_head_size(const AttentionShape& s) {
  return round_up(s.longest, tile<E>) * padded_dim<E>(s.head_dim);
}

/// Calls f(t) for the tiles of queries, of a sequence of `length`, that belong to a share: it has their first pair.
template <typename F>
void for_tiles_of(const WorkShare& share, int64_t length, int64_t tile, F f) {
  for (int64_t t = 0, pair = 0; t * tile < length; pair += ++t)
    if (share.begin <= pair && pair < share.end) f(t);
}

/// Splits the tile pairs of all heads of all sequences evenly, so that a long sequence among short ones is shared.
/// Calls f(share, sequence, head) where the share has pairs [share.begin, share.end), counted from the head's first
/// (the range may begin before the head or end behind it).
template <typename F>
void parallel_heads(const AttentionShape& s, int64_t tile, F f) {
  const int64_t pairs = tile_pairs(s, tile), shares = work_shares();
  parallel_ranges(shares, pairs * tile * tile * s.head_dim, [&](int64_t first, int64_t last) {
    for (int64_t index = first; index < last; ++index) {
      WorkShare share{index, pairs * index / shares, pairs * (index + 1) / shares};
      for (int64_t sequence = 0; sequence < s.sequences && share.end > 0; ++sequence) {
        const int64_t count = tile_pairs(s.length(sequence), tile);
        for (int64_t head = 0; head < s.heads; ++head) {
          if (share.begin < count && share.end > 0) f(share, sequence, head);
          share.begin -= count;
          share.end -= count;
        }
      }
    }
  });
}

}  // namespace modr::kernels
