#include <cmath>

#include "base/integer.hpp"
#include "kernels/api/attention.hpp"
#include "kernels/cpu/attention_exp2.hpp"
#include "kernels/cpu/attention_tile.hpp"
#include "kernels/cpu/attention_work.hpp"

namespace modr::kernels {

namespace {

// What backward reads and writes of one head.
template <typename T>
struct HeadGradients {
  using E = Exact<T>;

  HeadGradients(const CausalAttentionBackward<T>& a, int64_t sequence, int64_t h)
      : head(head_of(a.shape, a.qkv, sequence, h)),
        length(a.shape.length(sequence)),
        dim(a.shape.head_dim),
        model_width(a.shape.heads * dim),
        dout(a.dout + a.shape.offsets[sequence] * model_width + h * dim),
        log_sum_exp(a.log_sum_exp + h * a.shape.rows + a.shape.offsets[sequence]),
        delta(a.delta + h * a.shape.rows + a.shape.offsets[sequence]),
        dqkv(a.dqkv + (head.q - a.qkv)) {}

  // Rows of dq, dk and dv.
  T* gradient(int64_t part, int64_t row) const { return dqkv + row * 3 * model_width + part * model_width; }

  Head<T> head;
  int64_t length, dim, model_width;
  const T* dout;
  const E *log_sum_exp, *delta;
  T* dqkv;
};

// Gradients of tiles of keys and of queries. With weights p = exp2(s - log_sum_exp), recomputed tile by tile, and
// ds = p (dp - delta) / sqrt(head_dim): dv = p^T dout, dk = ds^T q, dq = ds k. Either way of going through the tiles
// (see causal_attention_backward) sums in the same order.
template <typename T>
class GradientTiles {
  using E = Exact<T>;

 public:
  explicit GradientTiles(const HeadGradients<T>& h)
      : h_(h), width_(padded_dim<E>(h.dim)), scale_(E{1} / std::sqrt(static_cast<E>(h.dim))) {}

  // dk and dv of the keys from `key` on; adds to dq_sums [length, width] what they give the queries, unless null.
  void keys_from(int64_t key, E* dq_sums) {
    load_keys(key);
    for (int64_t query = key; query < h_.length; query += tile<E>) {
      load_queries(query);
      score(key, query);
      const bool add = query > key;
      const auto seen_by = [&](int64_t j) { return BlockRange{query == key ? j : 0, queries_, 0, width_}; };
      multiply<E>({weights_.values, 1, tile<E>}, {dout_tile_.values, width_}, {dv_.values, width_}, num_keys_, add,
                  seen_by);
      multiply<E>({dscores_.values, 1, tile<E>}, {query_tile_.values, width_}, {dk_.values, width_}, num_keys_, add,
                  seen_by);
      if (dq_sums != nullptr) add_dq(key, query, dq_sums + query * width_);
    }
    store(dk_.values, num_keys_, h_.gradient(1, key));
    store(dv_.values, num_keys_, h_.gradient(2, key));
  }

  // dq of the queries from `query` on.
  void queries_from(int64_t query) {
    load_queries(query);
    for (int64_t key = 0; key <= query; key += tile<E>) {
      load_keys(key);
      score(key, query);
      add_dq(key, query, dq_.values);
    }
    store(dq_.values, queries_, h_.gradient(0, query));
  }

  // Rounds sums of `rows` rows.
  void store(const E* sums, int64_t rows, T* to) const {
    for (int64_t i = 0; i < rows; ++i) store_row(sums + i * width_, E{1}, h_.dim, to + i * 3 * h_.model_width);
  }

 private:
  void load_keys(int64_t key) {
    num_keys_ = std::min(tile<E>, h_.length - key);
    load_rows(h_.head.values(key), num_keys_, h_.dim, key_tile_.values);
    transpose_rows(key_tile_.values, num_keys_, h_.dim, E{1}, values_.values);
    load_rows(h_.head.keys(key), num_keys_, h_.dim, key_tile_.values);
    transpose_rows(key_tile_.values, num_keys_, h_.dim, scale_ * log2_e<E>, keys_.values);
  }

  void load_queries(int64_t query) {
    queries_ = std::min(tile<E>, h_.length - query);
    load_rows(h_.head.queries(query), queries_, h_.dim, query_tile_.values);
    load_rows(Rows<const T>{h_.dout + query * h_.model_width, h_.model_width}, queries_, h_.dim, dout_tile_.values);
  }

  // weights_ and dscores_ of the loaded tiles, [query][key]; zero where a query does not see a key of its block.
  void score(int64_t key, int64_t query) {
    const bool diagonal = key == query;
    const auto seen = [&](int64_t i) {
      return BlockRange{0, h_.dim, 0, diagonal ? std::min(num_keys_, i + block_rows) : num_keys_};
    };
    multiply<E>({query_tile_.values, width_, 1}, {keys_.values, tile<E>}, {weights_.values, tile<E>}, queries_, false,
                seen);
    multiply<E>({dout_tile_.values, width_, 1}, {values_.values, tile<E>}, {dscores_.values, tile<E>}, queries_, false,
                seen);
    for (int64_t i = 0; i < queries_; ++i) {
      const E log_sum = h_.log_sum_exp[query + i] * log2_e<E>, mean = h_.delta[query + i];
      E *weights = weights_[i], *dscores = dscores_[i];
      const int64_t end = diagonal ? std::min(num_keys_, round_up(i + 1, block_rows)) : num_keys_;
      for (int64_t j = 0; j < end; j += lanes<E>) {
        const Vector<E> weight = exp2_of(load_vector(weights + j) - log_sum);
        store_vector(weight, weights + j);
        store_vector(scale_ * weight * (load_vector(dscores + j) - mean), dscores + j);
      }
      if (!diagonal) continue;
      for (int64_t j = i + 1; j < round_up(i + 1, block_rows); ++j) weights[j] = dscores[j] = 0;
    }
  }

  void add_dq(int64_t key, int64_t query, E* sums) {
    multiply<E>({dscores_.values, tile<E>, 1}, {key_tile_.values, width_}, {sums, width_}, queries_, key > 0,
                [&](int64_t i) {
                  return BlockRange{0, key == query ? std::min(num_keys_, i + block_rows) : num_keys_, 0, width_};
                });
  }

  const HeadGradients<T>& h_;
  int64_t width_;
  E scale_;
  int64_t num_keys_ = 0, queries_ = 0;
  SquareTile<E> weights_, dscores_;    // [query][key]
  RowTile<E> keys_, values_;           // [dim][key], keys scaled
  RowTile<E> key_tile_;                // [key][width]
  RowTile<E> query_tile_, dout_tile_;  // [query][width]
  RowTile<E> dk_, dv_;                 // [key][width]
  RowTile<E>& dq_ = dk_;               // [query][width], when keys have no gradient
};

template <typename T>
Exact<T> dot(const T* a, const T* b, int64_t n) {
  using E = Exact<T>;
  Vector<E> sums{};
  int64_t i = 0;
  for (; i + lanes<E> <= n; i += lanes<E>) sums += load_as<E>(a + i) * load_as<E>(b + i);
  E sum = sum_lanes<E, 1>({sums})[0];
  for (; i < n; ++i) sum += static_cast<E>(a[i]) * static_cast<E>(b[i]);
  return sum;
}

// delta [heads, rows] = dout . out: what the softmax's gradient subtracts.
template <typename T>
void write_delta(const CausalAttentionBackward<T>& a) {
  const AttentionShape& s = a.shape;
  parallel_ranges(s.rows, s.rows * s.heads * s.head_dim, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t head = 0; head < s.heads; ++head) {
        const int64_t at = (row * s.heads + head) * s.head_dim;
        a.delta[head * s.rows + row] = dot(a.dout + at, a.out + at, s.head_dim);
      }
  });
}

// The pairs of tiles that the busiest share has when shares take whole heads.
int64_t largest_share(const AttentionShape& s, int64_t tile) {
  const int64_t pairs = tile_pairs(s, tile), shares = work_shares();
  int64_t before = 0, owner = -1, load = 0, largest = 0;
  for (int64_t sequence = 0; sequence < s.sequences; ++sequence) {
    const int64_t count = tile_pairs(s.length(sequence), tile);
    for (int64_t head = 0; head < s.heads && count > 0; ++head, before += count) {
      const int64_t now = before * shares / pairs;
      load = now == owner ? load + count : count;
      owner = now;
      largest = std::max(largest, load);
    }
  }
  return largest;
}

}  // namespace

template <typename T>
int64_t causal_attention_backward_workspace(Cpu, const AttentionShape& shape) {
  return work_shares() * packed_head_size<Exact<T>>(shape);
}

template <typename T>
void causal_attention_backward(Cpu, const CausalAttentionBackward<T>& a) {
  using E = Exact<T>;
  const AttentionShape& s = a.shape;
  write_delta(a);
  // Whole heads need five products a pair of tiles; with a head's keys and queries as separate pieces of work it is
  // seven, which pays when there are too few heads for the threads.
  const bool whole_heads = 5 * largest_share(s, tile<E>) * work_shares() <= 7 * tile_pairs(s, tile<E>);
  parallel_heads(s, tile<E>, [&](const WorkShare& share, int64_t sequence, int64_t head) {
    const HeadGradients<T> gradients(a, sequence, head);
    GradientTiles<T> tiles(gradients);
    const int64_t count = ceil_div(gradients.length, tile<E>);
    if (whole_heads) {
      if (share.begin > 0) return;  // a head belongs to the share that has its first pair
      E* dq_sums = a.workspace + share.index * packed_head_size<E>(s);
      for (int64_t t = 0; t < count; ++t) tiles.keys_from(t * tile<E>, dq_sums);
      tiles.store(dq_sums, gradients.length, gradients.gradient(0, 0));
      return;
    }
    for_tiles_of(share, gradients.length, tile<E>, [&](int64_t t) {
      tiles.queries_from(t * tile<E>);
      tiles.keys_from((count - 1 - t) * tile<E>, nullptr);  // as many pairs from the other end
    });
  });
}
template int64_t causal_attention_backward_workspace<float>(Cpu, const AttentionShape&);
template int64_t causal_attention_backward_workspace<double>(Cpu, const AttentionShape&);
template int64_t causal_attention_backward_workspace<bfloat16>(Cpu, const AttentionShape&);
template void causal_attention_backward(Cpu, const CausalAttentionBackward<float>&);
template void causal_attention_backward(Cpu, const CausalAttentionBackward<double>&);
template void causal_attention_backward(Cpu, const CausalAttentionBackward<bfloat16>&);

}  // namespace modr::kernels
