#include "kernels/api/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels::cpu {

namespace {

constexpr int64_t tile = 64;  // keys (and queries) worked on at once; a transposed tile stays in the first-level cache

// Pairs of tiles that one head of a sequence works through: its tile t of queries sees t + 1 tiles of keys.
int64_t tile_pairs(int64_t length) {
  const int64_t tiles = (length + tile - 1) / tile;
  return tiles * (tiles + 1) / 2;
}

// Splits the tile pairs of all heads of all sequences among threads, so that a long sequence among short ones is
// shared. Calls f(sequence, head, begin, end) where the thread has pairs [begin, end), counted from the head's first
// (the range may begin before the head or end behind it).
template <typename F>
void parallel_heads(const AttentionShape& s, F f) {
  int64_t pairs = 0, work = 0;
  for (int64_t sequence = 0; sequence < s.sequences; ++sequence) {
    pairs += s.heads * tile_pairs(s.length(sequence));
    work += s.heads * s.length(sequence) * s.length(sequence) * s.head_dim;
  }
  parallel_ranges(pairs, work, [=](int64_t begin, int64_t end) {
    for (int64_t sequence = 0; sequence < s.sequences; ++sequence)
      for (int64_t head = 0; head < s.heads; ++head) {
        const int64_t count = tile_pairs(s.length(sequence));
        if (begin < count && end > 0) f(sequence, head, begin, end);
        begin -= count;
        end -= count;
      }
  });
}

// One head of one sequence inside a fused projection: rows `stride` apart.
template <typename T>
struct Head {
  const T *q, *k, *v;
  int64_t stride;
};

template <typename T>
Head<T> head_of(const AttentionShape& s, const T* qkv, int64_t sequence, int64_t head) {
  const int64_t width = s.heads * s.head_dim;
  const T* base = qkv + s.offsets[sequence] * 3 * width + head * s.head_dim;
  return {base, base + width, base + 2 * width, 3 * width};
}

// to[d][j] = from[j][d] for `count` rows, so that products of one query with a tile run along j.
template <typename T>
void transpose_tile(const T* from, int64_t stride, int64_t count, int64_t head_dim, T (*to)[tile]) {
  for (int64_t j = 0; j < count; ++j)
    for (int64_t d = 0; d < head_dim; ++d) to[d][j] = from[j * stride + d];
  for (int64_t d = 0; d < head_dim; ++d)
    for (int64_t j = count; j < tile; ++j) to[d][j] = T{0};
}

// Sums that stay in registers while a loop runs over the other index; several vectors hide the multiply-add's latency.
constexpr int64_t group = 32;

// products[j] = scale * sum_d x[d] columns[d][j] for the first `count` columns (and up to a full group).
template <typename T>
void times_tile(const T* x, const T (*columns)[tile], int64_t head_dim, int64_t count, T scale, T* products) {
  for (int64_t first = 0; first < count; first += group) {
    T sums[group] = {};
    for (int64_t d = 0; d < head_dim; ++d) {
      const T factor = x[d];
#pragma omp simd
      for (int64_t j = 0; j < group; ++j) sums[j] += factor * columns[d][first + j];
    }
#pragma omp simd
    for (int64_t j = 0; j < group; ++j) products[first + j] = scale * sums[j];
  }
}

// out[d] += sum_j weights[j * weight_stride] rows[j * stride + d], j < count.
template <typename T>
void add_weighted_rows(const T* weights, int64_t weight_stride, const T* rows, int64_t stride, int64_t count,
                       int64_t head_dim, T* out) {
  int64_t first = 0;
  for (; first + group <= head_dim; first += group) {
    T sums[group] = {};
    for (int64_t j = 0; j < count; ++j) {
      const T weight = weights[j * weight_stride];
#pragma omp simd
      for (int64_t d = 0; d < group; ++d) sums[d] += weight * rows[j * stride + first + d];
    }
#pragma omp simd
    for (int64_t d = 0; d < group; ++d) out[first + d] += sums[d];
  }
  for (int64_t j = 0; j < count && first < head_dim; ++j) {
    const T weight = weights[j * weight_stride];
#pragma omp simd
    for (int64_t d = first; d < head_dim; ++d) out[d] += weight * rows[j * stride + d];
  }
}

// Running softmax of one query: largest score and sum of exponentials so far.
template <typename T>
struct OnlineSoftmax {
  T largest = -std::numeric_limits<T>::infinity();
  T sum = 0;

  // Turns `count` scores into weights relative to the new largest and returns the factor for what came before.
  T add(T* scores, int64_t count) {
    T next = largest;
    for (int64_t j = 0; j < count; ++j) next = std::max(next, scores[j]);
    const T factor = std::exp(largest - next);
    T added = 0;
#pragma omp simd reduction(+ : added)
    for (int64_t j = 0; j < count; ++j) {
      scores[j] = fast_exp(scores[j] - next);
      added += scores[j];
    }
    largest = next;
    sum = sum * factor + added;
    return factor;
  }
};

// Queries [first, last) of one head against all keys they may see.
template <typename T>
void attend_tile(const AttentionShape& s, const Head<T>& head, int64_t first, int64_t last, T* out, T* log_sum_exp) {
  const T scale = T{1} / std::sqrt(static_cast<T>(s.head_dim));
  const int64_t width = s.heads * s.head_dim;
  T keys[max_head_dim][tile];
  T scores[tile];
  OnlineSoftmax<T> softmax[tile];
  for (int64_t i = first; i < last; ++i) std::fill_n(out + i * width, s.head_dim, T{0});
  for (int64_t begin = 0; begin < last; begin += tile) {
    const int64_t keys_in_tile = std::min(tile, last - begin);
    transpose_tile(head.k + begin * head.stride, head.stride, keys_in_tile, s.head_dim, keys);
    for (int64_t i = std::max(first, begin); i < last; ++i) {
      const int64_t visible = std::min(keys_in_tile, i - begin + 1);
      times_tile(head.q + i * head.stride, keys, s.head_dim, visible, scale, scores);
      const T factor = softmax[i - first].add(scores, visible);
      T* row = out + i * width;
      for (int64_t d = 0; d < s.head_dim; ++d) row[d] *= factor;
      add_weighted_rows(scores, 1, head.v + begin * head.stride, head.stride, visible, s.head_dim, row);
    }
  }
  for (int64_t i = first; i < last; ++i) {
    const OnlineSoftmax<T>& state = softmax[i - first];
    for (int64_t d = 0; d < s.head_dim; ++d) out[i * width + d] /= state.sum;
    log_sum_exp[i] = state.largest + std::log(state.sum);
  }
}

}  // namespace

template <typename T>
void causal_attention(const AttentionShape& s, const T* qkv, T* out, T* log_sum_exp) {
  const int64_t width = s.heads * s.head_dim;
  parallel_heads(s, [=](int64_t sequence, int64_t head, int64_t begin, int64_t end) {
    const int64_t row = s.offsets[sequence], length = s.length(sequence);
    // A tile of queries belongs to the thread that has its first pair.
    for (int64_t first = 0, pair = 0; first < length; first += tile, pair += first / tile)
      if (begin <= pair && pair < end)
        attend_tile(s, head_of(s, qkv, sequence, head), first, std::min(first + tile, length),
                    out + row * width + head * s.head_dim, log_sum_exp + head * s.rows() + row);
  });
}
template void causal_attention(const AttentionShape&, const float*, float*, float*);
template void causal_attention(const AttentionShape&, const double*, double*, double*);

namespace {

// One tile of queries against one tile of keys: weights p and score gradients ds, [query][key].
template <typename T>
struct BackwardTile {
  T weights[tile][tile], dscores[tile][tile];
};

// All gradients of one head. Rows of dq gather over key tiles, rows of dk and dv over query tiles; dqkv starts as
// zeros.
template <typename T>
class HeadBackward {
 public:
  HeadBackward(const CausalAttentionBackward<T>& a, int64_t sequence, int64_t h)
      : head_(head_of(a.shape, a.qkv, sequence, h)),
        seq_(a.shape.length(sequence)),
        dim_(a.shape.head_dim),
        width_(a.shape.heads * a.shape.head_dim),
        dout_(a.dout + a.shape.offsets[sequence] * width_ + h * dim_),
        log_sum_exp_(a.log_sum_exp + h * a.shape.rows() + a.shape.offsets[sequence]),
        delta_(a.delta + h * a.shape.rows() + a.shape.offsets[sequence]),
        dq_(a.dqkv + (head_.q - a.qkv)) {
    const T* out = a.out + a.shape.offsets[sequence] * width_ + h * dim_;
    for (int64_t i = 0; i < seq_; ++i) {
      delta_[i] = 0;
      for (int64_t d = 0; d < dim_; ++d) delta_[i] += dout_[i * width_ + d] * out[i * width_ + d];
    }
  }

  void run() {
    for (int64_t key = 0; key < seq_; key += tile) {
      const int64_t count = std::min(tile, seq_ - key);
      transpose_tile(head_.k + key * head_.stride, head_.stride, count, dim_, keys_);
      transpose_tile(head_.v + key * head_.stride, head_.stride, count, dim_, values_);
      for (int64_t query = key; query < seq_; query += tile) {
        const int64_t queries = std::min(tile, seq_ - query);
        score(key, count, query, queries);
        gather(key, count, query, queries);
      }
    }
  }

 private:
  void score(int64_t key, int64_t count, int64_t query, int64_t queries) {
    const T scale = T{1} / std::sqrt(static_cast<T>(dim_));
    for (int64_t row = 0; row < queries; ++row) {
      const int64_t i = query + row, visible = std::min(count, i - key + 1);
      T* weights = tile_.weights[row];
      T* dscores = tile_.dscores[row];
      times_tile(head_.q + i * head_.stride, keys_, dim_, visible, scale, weights);
      times_tile(dout_ + i * width_, values_, dim_, visible, T{1}, dscores);
      const T log_sum = log_sum_exp_[i], mean = delta_[i];
#pragma omp simd
      for (int64_t j = 0; j < visible; ++j) {
        weights[j] = fast_exp(weights[j] - log_sum);
        dscores[j] = scale * weights[j] * (dscores[j] - mean);
      }
    }
  }

  void gather(int64_t key, int64_t count, int64_t query, int64_t queries) {
    for (int64_t row = 0; row < queries; ++row) {
      const int64_t i = query + row, visible = std::min(count, i - key + 1);
      add_weighted_rows(tile_.dscores[row], 1, head_.k + key * head_.stride, head_.stride, visible, dim_,
                        dq_ + i * head_.stride);
    }
    for (int64_t j = 0; j < count; ++j) {
      const int64_t first = std::max(int64_t{0}, key + j - query);  // the first query that sees this key
      if (first >= queries) continue;
      T* dk = dq_ + width_ + (key + j) * head_.stride;
      add_weighted_rows(&tile_.dscores[first][j], tile, head_.q + (query + first) * head_.stride, head_.stride,
                        queries - first, dim_, dk);
      add_weighted_rows(&tile_.weights[first][j], tile, dout_ + (query + first) * width_, width_, queries - first, dim_,
                        dk + width_);
    }
  }

  Head<T> head_;
  int64_t seq_, dim_, width_;
  const T *dout_, *log_sum_exp_;
  T *delta_, *dq_;
  T keys_[max_head_dim][tile], values_[max_head_dim][tile];
  BackwardTile<T> tile_;
};

}  // namespace

template <typename T>
void causal_attention_backward(const CausalAttentionBackward<T>& a) {
  const AttentionShape& s = a.shape;
  std::fill_n(a.dqkv, s.rows() * 3 * s.heads * s.head_dim, T{0});
  parallel_heads(s, [&](int64_t sequence, int64_t head, int64_t begin, int64_t) {
    if (begin <= 0) HeadBackward<T>(a, sequence, head).run();  // the thread that has the head's first pair
  });
}
template void causal_attention_backward(const CausalAttentionBackward<float>&);
template void causal_attention_backward(const CausalAttentionBackward<double>&);

}  // namespace modr::kernels::cpu
