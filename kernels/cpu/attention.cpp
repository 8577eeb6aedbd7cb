#include "kernels/api/attention.hpp"

#include <cmath>
#include <limits>

#include "kernels/cpu/attention_exp2.hpp"
#include "kernels/cpu/attention_tile.hpp"
#include "kernels/cpu/attention_work.hpp"

namespace modr::kernels::cpu {

namespace {

// The running softmax of a tile of queries (in base 2): largest score and sum of powers so far.
template <typename E>
struct OnlineSoftmax {
  alignas(64) E largest[tile<E>], sum[tile<E>], factor[tile<E>];

  OnlineSoftmax() {
    std::fill_n(largest, tile<E>, -std::numeric_limits<E>::infinity());
    std::fill_n(sum, tile<E>, E{0});
  }

  // Turns scores [key][query] into weights relative to the new largest; `factor` is for what came before. In a
  // diagonal tile key j is seen by queries i >= j.
  void add(SquareTile<E>& scores, int64_t keys, int64_t queries, bool diagonal) {
    for (int64_t query = 0; query < queries; query += lanes<E>) {
      const int64_t seen = diagonal ? std::min(keys, round_up(query + lanes<E>, block_rows)) : keys;
      if (diagonal) hide_later_keys(scores, query, seen);
      add_column(scores.values + query, seen, query);
    }
  }

 private:
  static void hide_later_keys(SquareTile<E>& scores, int64_t query, int64_t seen) {
    for (int64_t j = query + 1; j < seen; ++j)
      for (int64_t i = query; i < std::min(j, query + lanes<E>); ++i)
        scores[j][i] = -std::numeric_limits<E>::infinity();
  }

  // A vector of queries.
  void add_column(E* scores, int64_t keys, int64_t query) {
    const Vector<E> before = load_vector(largest + query);
    Vector<E> even = before, odd = before;
    for (int64_t j = 0; j < keys; j += 2) {
      const Vector<E> a = load_vector(scores + j * tile<E>),
                      b = load_vector(scores + std::min(j + 1, keys - 1) * tile<E>);
      even = a > even ? a : even;
      odd = b > odd ? b : odd;
    }
    const Vector<E> next = odd > even ? odd : even, scaling = exp2_of(before - next);
    Vector<E> added{};
    for (int64_t j = 0; j < keys; ++j) {
      const Vector<E> weight = exp2_of(load_vector(scores + j * tile<E>) - next);
      store_vector(weight, scores + j * tile<E>);
      added += weight;
    }
    store_vector(next, largest + query);
    store_vector(load_vector(sum + query) * scaling + added, sum + query);
    store_vector(scaling, factor + query);
  }
};

// A tile of queries of one head against all keys they may see.
template <typename T>
class QueryTile {
  using E = Exact<T>;

 public:
  QueryTile(const AttentionShape& s, const Head<T>& head, int64_t first)
      : head_(head), dim_(s.head_dim), width_(padded_dim<E>(s.head_dim)), first_(first), count_(0) {}

  void attend(int64_t length) {
    count_ = std::min(tile<E>, length - first_);
    load_rows(head_.queries(first_), count_, dim_, keys_.values);
    const E scale = log2_e<E> / std::sqrt(static_cast<E>(dim_));
    transpose_rows(keys_.values, count_, dim_, scale, queries_.values);
    for (int64_t key = 0; key <= first_; key += tile<E>) add_keys(key, std::min(tile<E>, first_ + count_ - key));
  }

  void store(Rows<T> out, E* log_sum_exp) const {
    for (int64_t i = 0; i < count_; ++i) {
      store_row(sums_.values + i * width_, E{1} / softmax_.sum[i], dim_, out.values + i * out.stride);
      log_sum_exp[i] = softmax_.largest[i] * ln_2<E> + std::log(softmax_.sum[i]);
    }
  }

 private:
  void add_keys(int64_t key, int64_t keys) {
    const bool diagonal = key == first_;
    load_rows(head_.keys(key), keys, dim_, keys_.values);
    load_rows(head_.values(key), keys, dim_, values_.values);
    // scores[j][i] = k_j q_i: along queries, so that the softmax needs no sums across lanes.
    multiply<E>({keys_.values, width_, 1}, {queries_.values, tile<E>}, {weights_.values, tile<E>}, keys, false,
                [&](int64_t j) {
                  return BlockRange{0, dim_, diagonal ? j : 0, count_};
                });
    softmax_.add(weights_, keys, count_, diagonal);
    if (key > 0) rescale();
    multiply<E>({weights_.values, 1, tile<E>}, {values_.values, width_}, {sums_.values, width_}, count_, key > 0,
                [&](int64_t i) {
                  return BlockRange{0, diagonal ? std::min(keys, i + block_rows) : keys, 0, width_};
                });
  }

  void rescale() {
    for (int64_t i = 0; i < count_; ++i) {
      const E factor = softmax_.factor[i];
      E* row = sums_.values + i * width_;
#pragma omp simd
      for (int64_t d = 0; d < width_; ++d) row[d] *= factor;
    }
  }

  Head<T> head_;
  int64_t dim_, width_, first_, count_;
  OnlineSoftmax<E> softmax_;
  SquareTile<E> weights_;     // [key][query]
  RowTile<E> queries_;        // [dim][query], scaled
  RowTile<E> keys_, values_;  // [key][width]
  RowTile<E> sums_;           // [query][width]
};

}  // namespace

template <typename T>
void causal_attention(const AttentionShape& s, const T* qkv, T* out, Exact<T>* log_sum_exp) {
  using E = Exact<T>;
  const int64_t width = s.heads * s.head_dim;
  parallel_heads(s, tile<E>, [=](const WorkShare& share, int64_t sequence, int64_t head) {
    const int64_t row = s.offsets[sequence], length = s.length(sequence);
    // A tile of queries belongs to the share that has its first pair.
    for (int64_t first = 0, pair = 0; first < length; first += tile<E>, pair += first / tile<E>) {
      if (pair < share.begin || pair >= share.end) continue;
      QueryTile<T> queries(s, head_of(s, qkv, sequence, head), first);
      queries.attend(length);
      queries.store({out + (row + first) * width + head * s.head_dim, width},
                    log_sum_exp + head * s.rows() + row + first);
    }
  });
}
template void causal_attention(const AttentionShape&, const float*, float*, float*);
template void causal_attention(const AttentionShape&, const double*, double*, double*);
template void causal_attention(const AttentionShape&, const bfloat16*, bfloat16*, float*);

}  // namespace modr::kernels::cpu
