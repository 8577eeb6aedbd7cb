#include "ops/attention.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::check_gradients;
using testing::random_leaf;
using testing::random_tensor;

// The definition: softmax over all visible keys, row by row.
std::vector<double> plain_attention(const Tensor& qkv, const std::vector<int64_t>& sequences, int64_t heads) {
  const int64_t width = qkv.size(1) / 3, dim = width / heads;
  const std::vector<double> x = qkv.to_vector();
  const auto at = [&](int64_t row, int64_t part, int64_t head, int64_t d) {
    return x[static_cast<std::size_t>(row * 3 * width + part * width + head * dim + d)];
  };
  std::vector<double> out(static_cast<std::size_t>(qkv.size(0) * width), 0);
  for (std::size_t a = 0; a + 1 < sequences.size(); ++a)
    for (int64_t i = sequences[a]; i < sequences[a + 1]; ++i)
      for (int64_t head = 0; head < heads; ++head) {
        std::vector<double> weights;
        double sum = 0;
        for (int64_t j = sequences[a]; j <= i; ++j) {
          double score = 0;
          for (int64_t d = 0; d < dim; ++d) score += at(i, 0, head, d) * at(j, 1, head, d);
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(dim))));
          sum += weights.back();
        }
        for (int64_t j = sequences[a]; j <= i; ++j)
          for (int64_t d = 0; d < dim; ++d)
            out[static_cast<std::size_t>(i * width + head * dim + d)] +=
                weights[static_cast<std::size_t>(j - sequences[a])] / sum * at(j, 2, head, d);
      }
  return out;
}

TEST(CausalAttention, EqualsTheDefinitionForSequencesOfAnyLength) {
  // Lengths 3, 0, 70 (two tiles), 1, 200 and 0; on the threads that OMP_NUM_THREADS gives.
  for (const std::vector<int64_t>& sequences :
       {std::vector<int64_t>{0, 3, 3, 73, 74, 274, 274}, std::vector<int64_t>{0, 5, 10}}) {
    const Tensor qkv = random_tensor({sequences.back(), 3 * 12}, 1);
    const auto got = ops::causal_attention(Variable(qkv), make_offsets(sequences), 2).value().to_vector();
    const auto expected = plain_attention(qkv, sequences, 2);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-13) << "value " << i;
  }
}

TEST(CausalAttention, Gradients) {
  const auto check = [](std::vector<int64_t> sequences, int64_t heads, double tolerance) {
    const Offsets offsets = make_offsets(std::move(sequences));
    check_gradients([&](const auto& in) { return ops::causal_attention(in[0], offsets, heads); },
                    {random_leaf({offsets->back(), 3 * 3 * heads}, 1)}, tolerance);
  };
  check({0, 5, 10}, 2, 1e-7);
  check({0, 0, 1, 4, 4, 10}, 2, 1e-7);
  check({0, 3, 70, 73}, 1, 1e-6);  // a sequence of several tiles between others
}

TEST(CausalAttention, SequencesMustCoverTheRows) {
  const Variable qkv = random_leaf({4, 6}, 1);
  EXPECT_THROW(ops::causal_attention(qkv, make_offsets({0, 3}), 1), Error);
  EXPECT_THROW(ops::causal_attention(qkv, make_offsets({1, 4}), 1), Error);
  EXPECT_THROW(ops::causal_attention(qkv, make_offsets({0, 3, 2, 4}), 1), Error);
  EXPECT_THROW(ops::causal_attention(qkv, nullptr, 1), Error);
}

// The cached kernel against the causal one: the same tokens, the first ones from a shuffled cache.
TEST(CachedAttention, EqualsCausalAttention) {
  const int64_t seq = 7, heads = 2, width = 6, past = 4;
  const Tensor qkv = random_tensor({2 * seq, 3 * width}, 1);
  const auto expected = ops::causal_attention(Variable(qkv), uniform_offsets(2, seq), heads).value();
  ops::CachedTokens cached{Tensor::zeros({20, 2, width}, DType::f64), {}, make_offsets({past, past}), past};
  std::vector<int64_t> rows;
  Tensor fresh = Tensor::empty({2 * (seq - past), 3 * width}, DType::f64);
  for (int64_t a = 0; a < 2; ++a) {
    for (int64_t i = 0; i < past; ++i) {
      const int64_t row = (7 * (a * past + i) + 3) % 20;
      rows.push_back(row);
      cached.slab.slice(0, row, row + 1)
          .view({2 * width})
          .copy_from(
              qkv.slice(0, a * seq + i, a * seq + i + 1).slice(1, width, 3 * width).contiguous().view({2 * width}));
    }
    fresh.slice(0, a * (seq - past), (a + 1) * (seq - past)).copy_from(qkv.slice(0, a * seq + past, (a + 1) * seq));
  }
  cached.rows = make_offsets(rows);
  const auto got = ops::cached_attention(Variable(fresh), uniform_offsets(2, seq - past), heads, cached).value();
  for (int64_t a = 0; a < 2; ++a) {
    const auto want = expected.slice(0, a * seq + past, (a + 1) * seq).to_vector();
    const auto have = got.slice(0, a * (seq - past), (a + 1) * (seq - past)).to_vector();
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(have[i], want[i], 1e-13);
  }
}

TEST(CachedAttention, SkipsMissingTokens) {
  const Tensor slab = random_tensor({3, 2, 2}, 2);
  const Variable qkv(random_tensor({1, 6}, 1));
  const auto attend = [&](std::vector<int64_t> rows) {
    const auto past = static_cast<int64_t>(rows.size());
    return ops::cached_attention(qkv, uniform_offsets(1, 1), 1,
                                 {slab, make_offsets(std::move(rows)), make_offsets({past}), past});
  };
  EXPECT_EQ(attend({0, -1, 2}).value().to_vector(), attend({0, 2}).value().to_vector());
}

// One call for sequences with different numbers of cached and of new tokens, against a call for each.
TEST(CachedAttention, SequencesMayDifferInCachedAndInNewTokens) {
  const Tensor slab = random_tensor({6, 2, 4}, 2), qkv = random_tensor({6, 12}, 1);
  const std::vector<int64_t> rows{5, 0, 3, -1, -1, -1, 1, 4, -1}, past{3, 0, 2}, sequences{0, 2, 2, 6};
  const Tensor together = ops::cached_attention(Variable(qkv), make_offsets(sequences), 2,
                                                {slab, make_offsets(rows), make_offsets(past), 3})
                              .value();
  for (int64_t a = 0; a < 3; ++a) {
    const int64_t first = sequences[std::size_t(a)], end = sequences[std::size_t(a) + 1];
    const std::vector<int64_t> own(rows.begin() + 3 * a, rows.begin() + 3 * a + 3);
    const Tensor alone = ops::cached_attention(Variable(qkv.slice(0, first, end)), uniform_offsets(1, end - first), 2,
                                               {slab, make_offsets(own), make_offsets({past[std::size_t(a)]}), 3})
                             .value();
    EXPECT_EQ(together.slice(0, first, end).to_vector(), alone.to_vector());
  }
}

}  // namespace
}  // namespace modr
