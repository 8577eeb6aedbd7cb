#include "ops/lora_linear.hpp"

#include <gtest/gtest.h>

#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::check_gradients;
using testing::random_leaf;
using testing::random_tensor;

TEST(RowGroups, NeighboursOfABranchAreMergedAndEmptySegmentsDropped) {
  const RowGroups groups = make_row_groups({{1, 0, 0}, {0, 0, 2}, {1, 2, 2}, {0, 2, 3}, {1, 3, 7}, {2, 7, 7}});
  EXPECT_EQ(*groups, (std::vector<RowGroup>{{0, 0, 3}, {1, 3, 7}}));
  EXPECT_TRUE(make_row_groups({})->empty());
}

TEST(RowGroups, SegmentsMustFollowEachOther) {
  EXPECT_THROW(make_row_groups({{0, 1, 2}}), Error);
  EXPECT_THROW(make_row_groups({{0, 0, 2}, {1, 3, 4}}), Error);
  EXPECT_THROW(make_row_groups({{0, 0, 2}, {1, 2, 1}}), Error);
  EXPECT_THROW(make_row_groups({{-1, 0, 2}}), Error);
}

// Three branches, of which one owns no row and one two segments.
struct Example {
  RowGroups groups = make_row_groups({{2, 0, 2}, {0, 2, 5}, {2, 5, 6}});
  Variable x = random_leaf({6, 4}, 1), weight = random_leaf({5, 4}, 2);
  Variable a = random_leaf({3, 2, 4}, 3), b = random_leaf({3, 5, 2}, 4);

  std::vector<Variable> leaves() const { return {x, weight, a, b}; }
  Variable factored(const std::vector<Variable>& in) const {
    return ops::lora_linear(in[0], in[1], {in[2], in[3], 0.7}, groups);
  }
  Variable merged(const std::vector<Variable>& in) const {
    ops::LoraWeights lora{in[2], in[3], 0.7};
    lora.merged = ops::merge(in[1], lora, DType::f64, true);
    return ops::lora_linear(in[0], in[1], lora, groups);
  }
};

TEST(LoraLinear, Gradients) {
  const Example example;
  check_gradients([&](const auto& in) { return example.factored(in); }, example.leaves());
  check_gradients([&](const auto& in) { return example.merged(in); }, example.leaves());
}

// y = x (W + scale B_j A_j)^T, every row by itself.
TEST(LoraLinear, EachRowUsesItsOwnBranch) {
  const Example example;
  const std::vector<double> y = example.factored(example.leaves()).value().to_vector();
  const std::vector<double> x = example.x.value().to_vector(), w = example.weight.value().to_vector(),
                            a = example.a.value().to_vector(), b = example.b.value().to_vector();
  const std::size_t branch_of_row[] = {2, 2, 0, 0, 0, 2};
  for (std::size_t row = 0; row < 6; ++row)
    for (std::size_t o = 0; o < 5; ++o) {
      const std::size_t j = branch_of_row[row];
      double sum = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        double merged = w[o * 4 + i];
        for (std::size_t r = 0; r < 2; ++r) merged += 0.7 * b[(j * 5 + o) * 2 + r] * a[(j * 2 + r) * 4 + i];
        sum += x[row * 4 + i] * merged;
      }
      EXPECT_NEAR(y[row * 5 + o], sum, 1e-13);
    }
}

TEST(LoraLinear, MergedWeightsGiveTheSameValueAndGradients) {
  // Every choice of what trains: bit i is leaf i.
  for (unsigned trained = 0; trained < 16; ++trained) {
    const Example example;
    const std::vector<Variable> leaves = example.leaves();
    for (std::size_t i = 0; i < 4; ++i) leaves[i].set_requires_grad((trained >> i & 1) != 0);
    const auto run = [&](const Variable& y) {
      std::vector<Tensor> results{y.value()};
      EXPECT_EQ(y.requires_grad(), trained != 0);
      if (y.requires_grad()) backward(y, random_tensor(y.shape(), 9));
      for (const Variable& leaf : leaves) {
        if (leaf.requires_grad()) results.push_back(leaf.grad().clone());
        leaf.clear_grad();
      }
      return results;
    };
    const std::vector<Tensor> expected = run(example.factored(leaves)), got = run(example.merged(leaves));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::vector<double> want = expected[i].to_vector(), have = got[i].to_vector();
      for (std::size_t k = 0; k < want.size(); ++k) EXPECT_NEAR(have[k], want[k], 1e-13);
    }
  }
}

// A rank without a branch holds adapters of no branch, and gets no row.
TEST(LoraLinear, NoBranchesAndNoRows) {
  for (bool merge : {false, true}) {
    const Variable x = random_leaf({0, 4}, 1), weight = random_leaf({5, 4}, 2);
    ops::LoraWeights lora{random_leaf({0, 2, 4}, 3), random_leaf({0, 5, 2}, 4), 0.7};
    if (merge) lora.merged = ops::merge(weight, lora, DType::f64, true);
    const Variable y = ops::lora_linear(x, weight, lora, make_row_groups({}));
    EXPECT_EQ(y.shape(), (Shape{0, 5}));
    ASSERT_TRUE(y.requires_grad());
    backward(y);
    EXPECT_EQ(x.grad().shape(), (Shape{0, 4}));
    EXPECT_EQ(weight.grad().to_vector(), std::vector<double>(20, 0));
    EXPECT_EQ(lora.a.grad().shape(), (Shape{0, 2, 4}));
    EXPECT_EQ(lora.b.grad().shape(), (Shape{0, 5, 2}));
  }
}

TEST(LoraLinear, WrongGroupsOrMergedWeightsAreRefused) {
  const Example example;
  const ops::LoraWeights lora{example.a, example.b, 1};
  EXPECT_THROW(ops::lora_linear(example.x, example.weight, lora, make_row_groups({{0, 0, 5}})), Error);
  EXPECT_THROW(ops::lora_linear(example.x, example.weight, lora, make_row_groups({{0, 0, 7}})), Error);
  EXPECT_THROW(ops::lora_linear(example.x, example.weight, lora, make_row_groups({{3, 0, 6}})), Error);
  EXPECT_THROW(ops::lora_linear(example.x, example.weight,
                                {example.a, example.b, 1, {ops::PackedWeight{}}}, example.groups),
               Error);
}

}  // namespace
}  // namespace modr
