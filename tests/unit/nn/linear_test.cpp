#include "nn/linear.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::random_leaf;
using testing::random_tensor;

// An adapted layer of two branches, with rows of both.
struct AdaptedLinear {
  Linear linear{"layer", 3, 4, DType::f64};
  Variable x = random_leaf({5, 3}, 1);
  RowGroups groups = make_row_groups({{1, 0, 2}, {0, 2, 5}});

  AdaptedLinear() {
    linear.weight().value().copy_from(random_tensor({4, 3}, 2));
    linear.attach({random_leaf({2, 2, 3}, 3), random_leaf({2, 4, 2}, 4), 0.5});
  }
  std::vector<double> values() const { return linear(x, groups).value().to_vector(); }
};

TEST(Linear, MergedAdaptersGiveTheSameValuesUntilDropped) {
  AdaptedLinear example;
  const std::vector<double> expected = example.values();
  example.linear.pack_merged(DType::f64, true);
  EXPECT_EQ(example.linear.lora()->merged.size(), 2u);
  const std::vector<double> merged = example.values();
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(merged[i], expected[i], 1e-14);
  example.linear.unpack();
  EXPECT_EQ(example.values(), expected);
}

TEST(Linear, MergedAdaptersHaveTheRightGradients) {
  AdaptedLinear example;
  Linear& linear = example.linear;
  const auto merged = [&](const std::vector<Variable>& in) {
    linear.pack_merged(DType::f64, true);
    return linear(in[0], example.groups);
  };
  testing::check_gradients(merged, {example.x, linear.weight(), linear.lora()->a, linear.lora()->b});
}

TEST(Linear, AMergeOlderThanTheWeightsIsRefused) {
  AdaptedLinear example;
  Linear& linear = example.linear;
  for (const Variable& changed : {linear.weight(), linear.lora()->a, linear.lora()->b}) {
    linear.pack_merged(DType::f64, true);
    changed.value().scale(1 + 1e-9);
    EXPECT_THROW(example.values(), Error);
  }
  linear.pack_merged(DType::f64, true);
  linear.attach({random_leaf({2, 2, 3}, 5), random_leaf({2, 4, 2}, 6), 0.5});
  EXPECT_TRUE(linear.lora()->merged.empty());
}

// Weights may be merged anew while a graph that used the old ones waits for its backward pass.
TEST(Linear, AGraphKeepsTheMergedWeightsItUsed) {
  AdaptedLinear example;
  const auto gradient_of_x = [&](bool change) {
    example.linear.pack_merged(DType::f64, true);
    const Variable y = example.linear(example.x, example.groups);
    if (change) {
      example.linear.weight().value().scale(2);
      example.linear.pack_merged(DType::f64, true);
    }
    example.x.clear_grad();
    backward(y);
    return example.x.grad().to_vector();
  };
  const std::vector<double> expected = gradient_of_x(false);
  EXPECT_EQ(gradient_of_x(true), expected);
}

TEST(Linear, WithoutAdaptersThereIsNothingToMerge) {
  Linear linear("layer", 2, 2, DType::f64);
  linear.pack_merged(DType::f64, true);
  EXPECT_EQ(linear(random_leaf({1, 2}, 3)).shape(), (Shape{1, 2}));
}

// Layers over parts of one weight, as the core's adapter has them, and a copy in bf16 that must be renewed.
TEST(Linear, PackedForBf16UntilTheWeightChanges) {
  const Variable whole(random_tensor({6, 8}, 1).to(DType::f32), true);
  Linear right("right", whole, 5, 3);
  const Variable x(random_tensor({4, 3}, 2).to(DType::bf16), true);
  const std::vector<double> unpacked = right(x).value().to_vector();
  right.pack(DType::bf16, false);
  EXPECT_FALSE(right.packed().backward.defined());
  right.pack(DType::bf16, true);
  EXPECT_TRUE(right.packed().backward.defined());
  const Tensor kept = right.packed().forward.tensor;
  right.pack(DType::bf16, false);
  EXPECT_EQ(kept.packed_bytes(), right.packed().forward.tensor.packed_bytes()) << "nothing has changed";
  EXPECT_EQ(right(x).value().to_vector(), unpacked);
  whole.value().scale(2);
  EXPECT_THROW(right(x), Error);
  right.pack(DType::bf16, true);
  const std::vector<double> doubled = right(x).value().to_vector();
  for (std::size_t i = 0; i < doubled.size(); ++i) EXPECT_EQ(doubled[i], 2 * unpacked[i]);
}

// One value anywhere is enough, by whatever way it came.
TEST(Linear, EveryWayOfChangingAWeightIsNoticed) {
  const Variable whole(random_tensor({300, 8}, 1).to(DType::f32), true), x(random_tensor({4, 8}, 2).to(DType::bf16));
  Linear linear("layer", whole, 0, 8);
  const Tensor one = whole.value().slice(0, 299, 300).slice(1, 7, 8);
  const std::vector<std::function<void()>> ways{
      [&] { one.fill(3); },
      [&] { one.copy_from(Tensor::full({1, 1}, DType::f64, 4)); },
      [&] { one.add(Tensor::full({1, 1}, DType::f32, 1)); },
      [&] { one.scale(2); },
      [&] {
        whole.value().data<float>()[2000] = 5;
        whole.value().changed();
      }};
  for (const auto& change : ways) {
    linear.pack(DType::bf16, false);
    const std::vector<double> before = linear(x).value().to_vector();
    change();
    EXPECT_THROW(linear(x), Error);
    linear.pack(DType::bf16, false);
    EXPECT_NE(linear(x).value().to_vector(), before);
  }
}

// B_j^T, turned once by pack(): the same bits, forward and backward, and never of an older B.
TEST(Linear, TurnedBranchesAreThoseOfThePresentB) {
  AdaptedLinear example;
  Linear& linear = example.linear;
  const auto run = [&] {
    const Variable y = linear(example.x, example.groups);
    example.x.clear_grad();
    backward(y, random_tensor(y.shape(), 9));
    return std::pair{y.value().to_vector(), example.x.grad().to_vector()};
  };
  const auto expected = run();
  linear.pack(DType::f64, true);
  ASSERT_EQ(linear.lora()->turned.scaled.size(), 2u);
  EXPECT_EQ(run(), expected);
  const double* kept = linear.lora()->turned.scaled[1].data<double>();
  linear.pack(DType::f64, true);
  EXPECT_EQ(linear.lora()->turned.scaled[1].data<double>(), kept) << "nothing has changed";
  linear.lora()->b.value().scale(3);
  const auto changed = run();
  EXPECT_NE(changed, expected);
  linear.pack(DType::f64, true);
  EXPECT_EQ(run(), changed);
  linear.unpack();
  EXPECT_TRUE(linear.lora()->turned.scaled.empty());
}

TEST(Linear, WithAdaptersNeedsToKnowTheBranches) {
  Linear linear("layer", 2, 2, DType::f64);
  linear.attach({random_leaf({1, 1, 2}, 1), random_leaf({1, 2, 1}, 2), 1});
  EXPECT_THROW(linear(random_leaf({1, 2}, 3)), Error);
  ParameterList parameters;
  linear.collect(parameters);
  ASSERT_EQ(parameters.size(), 3u);
  EXPECT_EQ(parameters[1].name, "layer.lora_A");
}

}  // namespace
}  // namespace modr
