#include <cmath>
#include <limits>

#include "base/integer.hpp"
#include "kernels/api/attention.hpp"
#include "kernels/cpu/attention_exp2.hpp"
#include "kernels/cpu/attention_tile.hpp"
#include "kernels/cpu/attention_work.hpp"

namespace modr::kernels {

namespace {

constexpr int64_t chunk = 64;              // tokens scored before their values are added
constexpr int64_t max_queries = 4;         // new tokens that share one reading of the keys and values
constexpr int64_t max_group_width = 1024;  // elements of a row that one thread works through at once
constexpr int64_t max_group_heads = 64;

// Tokens whose products with a query are summed across lanes together.
template <typename E>
constexpr int64_t tokens_at_once = std::min(int64_t{8}, lanes<E>);

// dots[t] = sum_d q[d] keys[t][d].
template <typename T, typename E>
void score_tokens(const E* q, const T* const* keys, int64_t offset, int64_t dim, E* dots) {
  constexpr int64_t tokens = tokens_at_once<E>, spread = lanes<E> / tokens;
  Vector<E> sums[tokens] = {};
  const int64_t whole = dim / lanes<E> * lanes<E>;
  for (int64_t d = 0; d < whole; d += lanes<E>) {
    const Vector<E> factor = load_vector(q + d);
#pragma GCC unroll 8
    for (int64_t t = 0; t < tokens; ++t) sums[t] += factor * load_as<E>(keys[t] + offset + d);
  }
  const Vector<E> total = sum_lanes<E, tokens>(sums);
#pragma GCC unroll 8
  for (int64_t t = 0; t < tokens; ++t) dots[t] = total[t * spread];
  for (int64_t d = whole; d < dim; ++d)
    for (int64_t t = 0; t < tokens; ++t) dots[t] += q[d] * static_cast<E>(keys[t][offset + d]);
}

// sums[d] += sum_t weights[t] values[t][d].
template <typename T, typename E>
void add_values(const E* weights, const T* const* values, int64_t offset, int64_t dim, E* sums) {
  constexpr int64_t tokens = tokens_at_once<E>;
  int64_t d = 0;
  for (; d + lanes<E> <= dim; d += lanes<E>) {
    Vector<E> even = load_vector(sums + d), odd{};
#pragma GCC unroll 8
    for (int64_t t = 0; t < tokens; t += 2) {
      even += weights[t] * load_as<E>(values[t] + offset + d);
      odd += weights[t + 1] * load_as<E>(values[t + 1] + offset + d);
    }
    store_vector<E>(even + odd, sums + d);
  }
  for (; d < dim; ++d)
    for (int64_t t = 0; t < tokens; ++t) sums[d] += weights[t] * static_cast<E>(values[t][offset + d]);
}

// Up to max_queries new tokens of one sequence in some neighbouring heads, which lie side by side in every row: chunks
// of keys and values are read in the order of memory, with the running softmax of each (query, head) kept here.
template <typename T>
class HeadGroup {
  using E = Exact<T>;

 public:
  HeadGroup(const CachedAttention<T>& args, int64_t sequence, int64_t first_head, int64_t heads)
      : a_(args),
        sequence_(sequence),
        heads_(heads),
        dim_(args.shape.head_dim),
        width_(args.shape.heads * dim_),
        offset_(first_head * dim_) {}

  // New tokens [begin, end) of the sequence.
  void attend(int64_t begin, int64_t end) {
    begin_ = begin;
    queries_ = end - begin;
    start();
    const int64_t past = a_.past[sequence_];
    const int64_t* cached = a_.rows + sequence_ * a_.max_past;
    for (int64_t i = 0; i < past; ++i)
      if (cached[i] >= 0) add_token(a_.slab + cached[i] * 2 * width_ + offset_, -1);
    for (int64_t i = 0; i < end; ++i) add_token(row(i) + width_ + offset_, i);
    finish_chunk();
    finish();
  }

 private:
  // q, k and v of a new token.
  const T* row(int64_t token) const { return a_.qkv + (a_.shape.offsets[sequence_] + token) * 3 * width_; }

  // The next token that is seen: `place` among the new ones, or -1. Chunks are counted over cached and new tokens alike:
  // a token's sums are the same whether those before it came in earlier calls or in this one.
  void add_token(const T* key, int64_t place) {
    if (tokens_ == 0) first_new_ = 0, cached_ = 0;
    if (place < 0) ++cached_;
    else if (tokens_ == cached_) first_new_ = place;
    keys_[tokens_++] = key;
    if (tokens_ == chunk) finish_chunk();
  }

  void finish_chunk() {
    for (int64_t query = 0; query < queries_; ++query) {
      const int64_t new_ones = std::max<int64_t>(begin_ + query + 1 - first_new_, 0);
      add_chunk(query, std::min(tokens_, cached_ + new_ones));
    }
    tokens_ = 0;
  }

  void start() {
    const E scale = log2_e<E> / std::sqrt(static_cast<E>(dim_));
    for (int64_t query = 0; query < queries_; ++query) {
      const T* from = row(begin_ + query) + offset_;
      for (int64_t d = 0; d < heads_ * dim_; ++d) q_[query][d] = scale * static_cast<E>(from[d]);
      std::fill_n(sums_[query], heads_ * dim_, E{0});
      std::fill_n(largest_[query], heads_, -std::numeric_limits<E>::infinity());
      std::fill_n(total_[query], heads_, E{0});
    }
  }

  // The first `seen` tokens of the chunk.
  void add_chunk(int64_t query, int64_t seen) {
    if (seen <= 0) return;
    constexpr int64_t step = tokens_at_once<E>;
    const int64_t end = round_up(seen, step);
    for (int64_t t = seen; t < end; ++t) keys_[t] = t < tokens_ ? keys_[t] : keys_[seen - 1];  // of weight 0
    for (int64_t t = 0; t < end; t += step)
      for (int64_t head = 0; head < heads_; ++head)
        score_tokens(q_[query] + head * dim_, keys_ + t, head * dim_, dim_, scores_[head] + t);
    for (int64_t head = 0; head < heads_; ++head) weigh(query, head, seen);
    for (int64_t t = 0; t < end; t += step)
      for (int64_t head = 0; head < heads_; ++head)
        add_values(scores_[head] + t, keys_ + t, width_ + head * dim_, dim_, sums_[query] + head * dim_);
  }

  // Scores of one head become weights relative to the largest so far.
  void weigh(int64_t query, int64_t head, int64_t seen) {
    E* scores = scores_[head];
    for (int64_t t = seen; t < round_up(seen, lanes<E>); ++t) scores[t] = -std::numeric_limits<E>::infinity();
    E next = largest_[query][head];
#pragma omp simd reduction(max : next)
    for (int64_t t = 0; t < seen; ++t) next = scores[t] > next ? scores[t] : next;
    Vector<E> added{};
    for (int64_t t = 0; t < seen; t += lanes<E>) {
      const Vector<E> weight = exp2_of(load_vector(scores + t) - next);
      store_vector(weight, scores + t);
      added += weight;
    }
    for (int64_t t = round_up(seen, lanes<E>); t < round_up(seen, tokens_at_once<E>); ++t) scores[t] = 0;
    const E factor = exp2_of(Vector<E>{} + (largest_[query][head] - next))[0];
    total_[query][head] = total_[query][head] * factor + sum_lanes<E, 1>({added})[0];
    largest_[query][head] = next;
    E* sums = sums_[query] + head * dim_;
#pragma omp simd
    for (int64_t d = 0; d < dim_; ++d) sums[d] *= factor;
  }

  void finish() {
    for (int64_t query = 0; query < queries_; ++query) {
      T* out = a_.out + (a_.shape.offsets[sequence_] + begin_ + query) * width_ + offset_;
      for (int64_t head = 0; head < heads_; ++head)
        store_row(sums_[query] + head * dim_, E{1} / total_[query][head], dim_, out + head * dim_);
    }
  }

  const CachedAttention<T>& a_;
  int64_t sequence_, heads_, dim_, width_, offset_;
  int64_t begin_ = 0, queries_ = 0;
  int64_t tokens_ = 0, cached_ = 0, first_new_ = 0;  // of this chunk: all, those from the cache, the first new one
  const T* keys_[chunk];  // of this chunk's tokens; values lie `width_` behind, in the cache as in qkv
  alignas(64) E q_[max_queries][max_group_width], sums_[max_queries][max_group_width];
  alignas(64) E scores_[max_group_heads][chunk];
  E largest_[max_queries][max_group_heads], total_[max_queries][max_group_heads];
};

// Heads [first, last) of a sequence.
template <typename T>
void attend(const CachedAttention<T>& a, int64_t sequence, int64_t first, int64_t last) {
  const int64_t most = std::min(max_group_heads, max_group_width / a.shape.head_dim);
  for (int64_t head = first; head < last; head += most) {
    HeadGroup<T> group(a, sequence, head, std::min(most, last - head));
    for (int64_t query = 0; query < a.shape.length(sequence); query += max_queries)
      group.attend(query, std::min(query + max_queries, a.shape.length(sequence)));
  }
}

}  // namespace

template <typename T>
void cached_attention(Cpu, const CachedAttention<T>& a) {
  const AttentionShape& s = a.shape;
  const auto cost = [&](int64_t sequence) { return s.length(sequence) * (a.past[sequence] + s.length(sequence)); };
  int64_t total = 0;
  for (int64_t sequence = 0; sequence < s.sequences; ++sequence) total += s.heads * cost(sequence);
  const int64_t shares = work_shares();
  parallel_ranges(shares, total * s.head_dim, [&](int64_t first, int64_t last) {
    // A head belongs to the share in which its cost begins; those of one sequence lie side by side.
    int64_t begin = total * first / shares, end = total * last / shares;
    for (int64_t sequence = 0; sequence < s.sequences; ++sequence) {
      const int64_t one = cost(sequence);
      if (one == 0) continue;
      const auto head_at = [&](int64_t at) { return std::clamp(ceil_div(at, one), int64_t{0}, s.heads); };
      attend(a, sequence, head_at(std::max(begin, int64_t{0})), head_at(std::max(end, int64_t{0})));
      begin -= s.heads * one;
      end -= s.heads * one;
    }
  });
}
template void cached_attention(Cpu, const CachedAttention<float>&);
template void cached_attention(Cpu, const CachedAttention<double>&);
template void cached_attention(Cpu, const CachedAttention<bfloat16>&);

}  // namespace modr::kernels
