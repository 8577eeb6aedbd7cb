#include "kernels/api/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels::cpu {

namespace {

constexpr int64_t tile = 64;  // keys (and queries) worked on at once; a transposed tile stays in the first-level cache

// One head of one sequence inside a fused projection: rows `stride` apart.
template <typename T>
struct Head {
  const T *q, *k, *v;
  int64_t stride;
};

template <typename T>
Head<T> head_of(const AttentionShape& s, const T* qkv, int64_t batch, int64_t head) {
  const int64_t width = s.heads * s.head_dim;
  const T* base = qkv + batch * s.seq * 3 * width + head * s.head_dim;
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

// products[j] = scale * sum_d x[d] columns[d][j] over a whole tile.
template <typename T>
void times_tile(const T* x, const T (*columns)[tile], int64_t head_dim, T scale, T* products) {
  T sums[tile] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
    const T factor = x[d];
#pragma omp simd
    for (int64_t j = 0; j < tile; ++j) sums[j] += factor * columns[d][j];
  }
#pragma omp simd
  for (int64_t j = 0; j < tile; ++j) products[j] = scale * sums[j];
}

// out[d] += sum_j weights[j] rows[j][d].
template <typename T>
void add_weighted_rows(const T* weights, const T* rows, int64_t stride, int64_t count, int64_t head_dim, T* out) {
  for (int64_t j = 0; j < count; ++j) {
    const T weight = weights[j];
#pragma omp simd
    for (int64_t d = 0; d < head_dim; ++d) out[d] += weight * rows[j * stride + d];
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
      times_tile(head.q + i * head.stride, keys, s.head_dim, scale, scores);
      const T factor = softmax[i - first].add(scores, visible);
      T* row = out + i * width;
      for (int64_t d = 0; d < s.head_dim; ++d) row[d] *= factor;
      add_weighted_rows(scores, head.v + begin * head.stride, head.stride, visible, s.head_dim, row);
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
  const int64_t tiles = (s.seq + tile - 1) / tile, width = s.heads * s.head_dim;
  const int64_t jobs = s.batch * s.heads * tiles;
  parallel_ranges(jobs, s.batch * s.seq * s.seq * width, [=](int64_t begin, int64_t end) {
    for (int64_t job = begin; job < end; ++job) {
      const int64_t batch = job / (s.heads * tiles), head = job / tiles % s.heads, first = job % tiles * tile;
      attend_tile(s, head_of(s, qkv, batch, head), first, std::min(first + tile, s.seq),
                  out + batch * s.seq * width + head * s.head_dim, log_sum_exp + (batch * s.heads + head) * s.seq);
    }
  });
}
template void causal_attention(const AttentionShape&, const float*, float*, float*);
template void causal_attention(const AttentionShape&, const double*, double*, double*);

namespace {

// All gradients of one head. Rows of dq gather over key tiles, rows of dk and dv over queries; dqkv starts as zeros.
template <typename T>
void head_backward(const CausalAttentionBackward<T>& a, int64_t batch, int64_t h) {
  const AttentionShape& s = a.shape;
  const Head<T> head = head_of(s, a.qkv, batch, h);
  const int64_t width = s.heads * s.head_dim, dim = s.head_dim;
  const T scale = T{1} / std::sqrt(static_cast<T>(dim));
  const T* dout = a.dout + batch * s.seq * width + h * dim;
  const T* out = a.out + batch * s.seq * width + h * dim;
  const T* log_sum_exp = a.log_sum_exp + (batch * s.heads + h) * s.seq;
  T* delta = a.delta + (batch * s.heads + h) * s.seq;
  T* dq = a.dqkv + (head.q - a.qkv);
  T* dk = dq + width;
  T* dv = dk + width;
  T keys[max_head_dim][tile], values[max_head_dim][tile];
  T weights[tile], dscores[tile];
  for (int64_t i = 0; i < s.seq; ++i) {
    delta[i] = 0;
    for (int64_t d = 0; d < dim; ++d) delta[i] += dout[i * width + d] * out[i * width + d];
  }
  for (int64_t begin = 0; begin < s.seq; begin += tile) {
    const int64_t count = std::min(tile, s.seq - begin);
    transpose_tile(head.k + begin * head.stride, head.stride, count, dim, keys);
    transpose_tile(head.v + begin * head.stride, head.stride, count, dim, values);
    for (int64_t i = begin; i < s.seq; ++i) {
      const int64_t visible = std::min(count, i - begin + 1);
      const T* q = head.q + i * head.stride;
      const T* dy = dout + i * width;
      times_tile(q, keys, dim, scale, weights);
      times_tile(dy, values, dim, T{1}, dscores);
      for (int64_t j = 0; j < visible; ++j) {
        weights[j] = fast_exp(weights[j] - log_sum_exp[i]);
        dscores[j] = scale * weights[j] * (dscores[j] - delta[i]);
      }
      add_weighted_rows(dscores, head.k + begin * head.stride, head.stride, visible, dim, dq + i * head.stride);
      for (int64_t j = 0; j < visible; ++j) {
        T* to_k = dk + (begin + j) * head.stride;
        T* to_v = dv + (begin + j) * head.stride;
#pragma omp simd
        for (int64_t d = 0; d < dim; ++d) {
          to_k[d] += dscores[j] * q[d];
          to_v[d] += weights[j] * dy[d];
        }
      }
    }
  }
}

}  // namespace

template <typename T>
void causal_attention_backward(const CausalAttentionBackward<T>& a) {
  const AttentionShape& s = a.shape;
  std::fill_n(a.dqkv, s.batch * s.seq * 3 * s.heads * s.head_dim, T{0});
  parallel_ranges(s.batch * s.heads, s.batch * s.seq * s.seq * s.heads * s.head_dim, [&](int64_t begin, int64_t end) {
    for (int64_t job = begin; job < end; ++job) head_backward(a, job / s.heads, job % s.heads);
  });
}
template void causal_attention_backward(const CausalAttentionBackward<float>&);
template void causal_attention_backward(const CausalAttentionBackward<double>&);

}  // namespace modr::kernels::cpu
