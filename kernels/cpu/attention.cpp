#include "kernels/api/attention.hpp"

#include <cmath>
#include <limits>

#include "kernels/cpu/attention_exp2.hpp"
#include "kernels/cpu/attention_tile.hpp"
#include "kernels/cpu/attention_work.hpp"

namespace modr::kernels {

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

// A head's keys and values one behind the other: in a projection rows lie so many bytes apart that they would push each
// other out of the cache, and every tile of queries reads them again.
template <typename E>
struct PackedHead {
  E *keys, *values;  // [length, padded head_dim]
};

// A tile of queries of one head against all keys they may see.
template <typename T>
class QueryTile {
  using E = Exact<T>;

 public:
  QueryTile(const PackedHead<E>& head, int64_t head_dim)
      : head_(head), dim_(head_dim), width_(padded_dim<E>(head_dim)) {}

  // The first `count` of `queries`, which are rows from `first` on of their sequence.
  void attend(Rows<const T> queries, int64_t first, int64_t count) {
    first_ = first;
    count_ = count;
    load_rows(queries, count, dim_, sums_.values);
    transpose_rows(sums_.values, count, dim_, log2_e<E> / std::sqrt(static_cast<E>(dim_)), queries_.values);
    for (int64_t key = 0; key <= first; key += tile<E>) add_keys(key, std::min(tile<E>, first + count - key));
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
    // scores[j][i] = k_j q_i: along queries, so that the softmax needs no sums across lanes.
    const auto seen_by = [&](int64_t j) { return BlockRange{0, dim_, diagonal ? j : 0, count_}; };
    multiply<E>({head_.keys + key * width_, width_, 1}, {queries_.values, tile<E>}, {weights_.values, tile<E>}, keys,
                false, seen_by);
    softmax_.add(weights_, keys, count_, diagonal);
    if (key > 0) rescale();
    const auto seen = [&](int64_t i) {
      return BlockRange{0, diagonal ? std::min(keys, i + block_rows) : keys, 0, width_};
    };
    multiply<E>({weights_.values, 1, tile<E>}, {head_.values + key * width_, width_}, {sums_.values, width_}, count_,
                key > 0, seen);
  }

  void rescale() {
    for (int64_t i = 0; i < count_; ++i) {
      const E factor = softmax_.factor[i];
      E* row = sums_.values + i * width_;
#pragma omp simd
      for (int64_t d = 0; d < width_; ++d) row[d] *= factor;
    }
  }

  PackedHead<E> head_;
  int64_t dim_, width_, first_ = 0, count_ = 0;
  OnlineSoftmax<E> softmax_;
  SquareTile<E> weights_;  // [key][query]
  RowTile<E> queries_;     // [dim][query], scaled
  RowTile<E> sums_;        // [query][width]
};

}  // namespace

template <typename T>
int64_t causal_attention_workspace(Cpu, const AttentionShape& shape) {
  return work_shares() * 2 * packed_head_size<Exact<T>>(shape);
}

template <typename T>
void causal_attention(Cpu, const CausalAttention<T>& a) {
  using E = Exact<T>;
  const AttentionShape& s = a.shape;
  const int64_t width = s.heads * s.head_dim, packed = packed_head_size<E>(s);
  parallel_heads(s, tile<E>, [&](const WorkShare& share, int64_t sequence, int64_t head) {
    const int64_t row = s.offsets[sequence], length = s.length(sequence);
    int64_t keys = 0;  // that this share's queries see
    for_tiles_of(share, length, tile<E>, [&](int64_t t) { keys = std::min((t + 1) * tile<E>, length); });
    const Head<T> rows = head_of(s, a.qkv, sequence, head);
    E* workspace = a.workspace + share.index * 2 * packed;
    load_rows(rows.keys(0), keys, s.head_dim, workspace);
    load_rows(rows.values(0), keys, s.head_dim, workspace + packed);
    for_tiles_of(share, length, tile<E>, [&](int64_t t) {
      const int64_t first = t * tile<E>;
      QueryTile<T> queries({workspace, workspace + packed}, s.head_dim);
      queries.attend(rows.queries(first), first, std::min(tile<E>, length - first));
      queries.store({a.out + (row + first) * width + head * s.head_dim, width},
                    a.log_sum_exp + head * s.rows + row + first);
    });
  });
}
template int64_t causal_attention_workspace<float>(Cpu, const AttentionShape&);
template int64_t causal_attention_workspace<double>(Cpu, const AttentionShape&);
template int64_t causal_attention_workspace<bfloat16>(Cpu, const AttentionShape&);
template void causal_attention(Cpu, const CausalAttention<float>&);
template void causal_attention(Cpu, const CausalAttention<double>&);
template void causal_attention(Cpu, const CausalAttention<bfloat16>&);

}  // namespace modr::kernels
