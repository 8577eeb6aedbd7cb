#include "ops/lora_linear.hpp"

#include <gtest/gtest.h>

#include "ops/matmul.hpp"
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

  Variable operator()(const std::vector<Variable>& in) const {
    return ops::lora_linear(in[0], in[1], {in[2], in[3], 0.7}, groups);
  }
};

TEST(LoraLinear, Gradients) {
  const Example example;
  check_gradients(example, {example.x, example.weight, example.a, example.b});
}

// y = x (W + scale B_j A_j)^T, every row by itself.
TEST(LoraLinear, EachRowUsesItsOwnBranch) {
  const Example example;
  const std::vector<double> y = example({example.x, example.weight, example.a, example.b}).value().to_vector();
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

TEST(LoraLinear, GroupsMustCoverTheRowsWithKnownBranches) {
  const Example example;
  const ops::LoraWeights lora{example.a, example.b, 1};
  EXPECT_THROW(ops::lora_linear(example.x, example.weight, lora, make_row_groups({{0, 0, 5}})), Error);
  EXPECT_THROW(ops::lora_linear(example.x, example.weight, lora, make_row_groups({{0, 0, 7}})), Error);
  EXPECT_THROW(ops::lora_linear(example.x, example.weight, lora, make_row_groups({{3, 0, 6}})), Error);
}

}  // namespace
}  // namespace modr
