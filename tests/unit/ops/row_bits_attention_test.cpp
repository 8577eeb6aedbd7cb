// A token's attention has the same bits whoever else is in the call: other sequences, other new tokens, padding behind
// it. (As row_bits_test.cpp for products.)
#include <gtest/gtest.h>

#include "ops/attention.hpp"
#include "ops/cross_entropy.hpp"
#include "support/grad_check.hpp"
#include "support/row_bits.hpp"

namespace modr {
namespace {

using testing::differing_rows;
using testing::random_tensor;

constexpr int64_t heads = 3, head_dim = 20, width = heads * head_dim;

class AttentionBits : public ::testing::TestWithParam<DType> {
 protected:
  Tensor random(Shape shape, uint64_t seed) const { return random_tensor(std::move(shape), seed, 1, GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Types, AttentionBits, ::testing::Values(DType::f32, DType::f64, DType::bf16),
                         [](const auto& type) { return std::string(name_of(type.param)); });

Tensor attend(const Tensor& qkv, std::vector<int64_t> offsets) {
  return ops::causal_attention(Variable(qkv), make_offsets(std::move(offsets)), heads).value();
}

// A prompt alone, cut at any length, with what would be padding behind it, and among others.
TEST_P(AttentionBits, OfAPromptAloneAndInABatch) {
  const Tensor qkv = random({400, 3 * width}, 1);
  const int64_t first = 31, last = first + 150;
  const Tensor alone = attend(qkv.slice(0, first, last), {0, last - first});
  for (const int64_t length : {1, 2, 63, 64, 65, 100, 149})
    EXPECT_EQ(differing_rows(attend(qkv.slice(0, first, first + length), {0, length}), alone, 0), 0) << length;
  const Tensor padded = attend(qkv.slice(0, first, 400), {0, 400 - first});
  EXPECT_EQ(differing_rows(padded.slice(0, 0, last - first), alone, 0), 0);
  for (const std::vector<int64_t>& offsets : {std::vector<int64_t>{0, first, last, 400}, {0, 5, first, last}, {0, first, last, 200, 390, 400}}) {
    const Tensor together = attend(qkv.slice(0, 0, offsets.back()), offsets);
    EXPECT_EQ(differing_rows(together.slice(0, first, last), alone, 0), 0) << offsets.size();
  }
}

// New tokens over a cache: sequence a has 1 + a new ones and 7 a + 3 cached.
struct Decoding {
  Tensor qkv, slab;
  std::vector<int64_t> news, past;

  // The new tokens [skipped, skipped + count) of each of `sequences`; those before them are in the cache then.
  Tensor run(const std::vector<std::size_t>& sequences) const {
    std::vector<int64_t> offsets{0}, cached_rows, lengths;
    int64_t max_past = 0;
    int64_t rows = 0;
    for (const std::size_t a : sequences) {
      lengths.push_back(past[a]);
      max_past = std::max(max_past, past[a]);
      offsets.push_back(rows += news[a]);
    }
    const Tensor in = Tensor::empty({rows, 3 * width}, qkv.dtype());
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto a = static_cast<int64_t>(sequences[i]);
      in.slice(0, offsets[i], offsets[i + 1]).copy_from(qkv.slice(0, 8 * a, 8 * a + news[sequences[i]]));
      for (int64_t p = 0; p < max_past; ++p)
        cached_rows.push_back(p >= past[sequences[i]] ? -1 : p % 5 == 4 ? -1 : 100 * a + p);
    }
    return ops::cached_attention(Variable(in), make_offsets(offsets), heads,
                                 {slab, make_offsets(cached_rows), make_offsets(lengths), max_past})
        .value();
  }
};

TEST_P(AttentionBits, OfNewTokensAloneAndInABatch) {
  Decoding decoding{random({64, 3 * width}, 1), random({800, 2, width}, 2), {1, 2, 3, 4, 5, 6, 1, 8}, {3, 64, 65, 1, 90, 17, 33, 50}};
  std::vector<std::size_t> all{0, 1, 2, 3, 4, 5, 6, 7};
  const int before = omp_get_max_threads();
  for (const int threads : {1, 2}) {
    omp_set_num_threads(threads);
    const Tensor together = decoding.run(all);
    int64_t row = 0;
    for (const std::size_t a : all) {
      EXPECT_EQ(differing_rows(decoding.run({a}), together, row), 0) << "sequence " << a;
      row += decoding.news[a];
    }
  }
  omp_set_num_threads(before);
}

// Fewer new tokens in the call: the first ones do not change.
TEST_P(AttentionBits, OfANewTokenWhoeverSharesItsReading) {
  Decoding decoding{random({64, 3 * width}, 1), random({800, 2, width}, 2), {8}, {77}};
  const Tensor all = decoding.run({0});
  for (const int64_t news : {1, 2, 3, 4, 5, 7}) {
    decoding.news[0] = news;
    EXPECT_EQ(differing_rows(decoding.run({0}), all, 0), 0) << news;
  }
}

// The loss of one row, alone and among rows without a label.
TEST(RowBits, OfALossAmongOthers) {
  constexpr int64_t rows = 70, vocab = 301;
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor logits = random_tensor({rows, vocab}, 1, 3, dtype);
    for (int64_t i = 0; i < rows; ++i) {
      std::vector<int32_t> labels(rows, ops::ignored_label);
      labels[static_cast<std::size_t>(i)] = static_cast<int32_t>(4 * i);
      const Variable alone = ops::cross_entropy(Variable(logits.slice(0, i, i + 1)), make_indices({labels[static_cast<std::size_t>(i)]}), 1);
      const Variable among = ops::cross_entropy(Variable(logits), make_indices(labels), 1);
      EXPECT_EQ(alone.value().item(), among.value().item()) << i;
    }
  }
}

}  // namespace
}  // namespace modr
