#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/api/attention.hpp"
#include "kernels/cpu/parallel.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels::cpu {

namespace {

// Sixteen partial sums, so that the loop is one multiply-add a vector and the sum across lanes comes once.
template <typename T>
T dot(const T* a, const T* b, int64_t n) {
  constexpr int64_t lanes = 16;
  T sums[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
#pragma omp simd
    for (int64_t lane = 0; lane < lanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (int64_t half = lanes / 2; half > 0; half /= 2)
    for (int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return sums[0];
}

// K rows of one head: those in the cache, then those of the new tokens; V lies `width` behind K in both.
template <typename T>
struct Keys {
  const CachedAttention<T>& args;
  int64_t sequence, head;

  // K of token `index` (cached tokens first); null when the cache does not hold it.
  const T* operator[](int64_t index) const {
    const AttentionShape& s = args.shape;
    const int64_t width = s.heads * s.head_dim, offset = head * s.head_dim, past = args.past[sequence];
    if (index >= past) return args.qkv + (s.offsets[sequence] + index - past) * 3 * width + width + offset;
    const int64_t row = args.rows[sequence * args.max_past + index];
    return row < 0 ? nullptr : args.slab + row * 2 * width + offset;
  }
};

template <typename T>
void attend(const CachedAttention<T>& a, int64_t sequence, int64_t head, T* scores) {
  const AttentionShape& s = a.shape;
  const int64_t width = s.heads * s.head_dim;
  const T scale = T{1} / std::sqrt(static_cast<T>(s.head_dim));
  const Keys<T> keys{a, sequence, head};
  for (int64_t row = s.offsets[sequence]; row < s.offsets[sequence + 1]; ++row) {
    const int64_t visible = a.past[sequence] + row - s.offsets[sequence] + 1;
    const T* q = a.qkv + row * 3 * width + head * s.head_dim;
    T* out = a.out + row * width + head * s.head_dim;
    T largest = -std::numeric_limits<T>::infinity();
    for (int64_t j = 0; j < visible; ++j) {
      const T* key = keys[j];
      scores[j] = key == nullptr ? -std::numeric_limits<T>::infinity() : scale * dot(q, key, s.head_dim);
      largest = std::max(largest, scores[j]);
    }
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < visible; ++j) {
      scores[j] = fast_exp(scores[j] - largest);
      sum += scores[j];
    }
    std::fill_n(out, s.head_dim, T{0});
    for (int64_t j = 0; j < visible; ++j) {
      const T* key = keys[j];
      if (key == nullptr) continue;
      const T weight = scores[j] / sum;
#pragma omp simd
      for (int64_t d = 0; d < s.head_dim; ++d) out[d] += weight * key[width + d];
    }
  }
}

}  // namespace

template <typename T>
void cached_attention(const CachedAttention<T>& a) {
  const AttentionShape& s = a.shape;
  parallel_ranges(s.sequences * s.heads, s.rows() * s.heads * a.max_keys * s.head_dim, [&](int64_t begin, int64_t end) {
    for (int64_t job = begin; job < end; ++job) attend(a, job / s.heads, job % s.heads, a.scores + job * a.max_keys);
  });
}
template void cached_attention(const CachedAttention<float>&);
template void cached_attention(const CachedAttention<double>&);

}  // namespace modr::kernels::cpu
