#include <gtest/gtest.h>

#include "nn/sandwich_block.hpp"
#include "ops/rope.hpp"
#include "support/grad_check.hpp"
#include "support/squares.hpp"

namespace modr {
namespace {

using testing::random_leaf;
using testing::random_tensor;

// A block of width 6 whose four weights have adapters of `branches` branches; all values random.
SandwichBlock random_block(int64_t branches) {
  SandwichBlock block("block", 0, BlockConfig{6, 1, 5, 1e-6, true}, DType::f64);
  for (Linear* linear : {&block.attention.qkv, &block.attention.proj, &block.mlp.fc, &block.mlp.proj}) {
    const int64_t out = linear->weight().size(0), in = linear->weight().size(1);
    linear->attach({random_leaf({branches, 2, in}, 7, 0.3), random_leaf({branches, out, 2}, 8, 0.3), 0.5});
  }
  ParameterList parameters;
  block.collect(parameters);
  uint64_t seed = 20;
  for (const Parameter& parameter : parameters)
    parameter.variable.value().copy_from(random_tensor(parameter.variable.shape(), seed++, 0.5));
  return block;
}

std::vector<Variable> parameters_of(const SandwichBlock& block) {
  ParameterList parameters;
  block.collect(parameters);
  std::vector<Variable> variables;
  for (const Parameter& parameter : parameters) variables.push_back(parameter.variable);
  return variables;
}

BlockContext context_of(Offsets sequences, std::vector<int32_t> positions, RowGroups groups) {
  BlockContext context;
  context.sequences = std::move(sequences);
  context.rope_table = ops::rope_table(4, 6, 100);
  context.positions = make_indices(std::move(positions));
  context.groups = std::move(groups);
  return context;
}

// Every parameter of a block, adapters of two branches included, against finite differences.
TEST(SandwichBlock, GradientsOfInputAndAllParameters) {
  const SandwichBlock block = random_block(2);
  const BlockContext context =
      context_of(make_offsets({0, 2, 6}), {0, 1, 0, 1, 2, 3}, make_row_groups({{1, 0, 1}, {0, 1, 4}, {1, 4, 6}}));
  std::vector<Variable> leaves = parameters_of(block);
  leaves.insert(leaves.begin(), random_leaf({6, 6}, 1));
  testing::check_gradients([&](const std::vector<Variable>& in) { return block(in[0], context); }, leaves, 1e-6);
}

// A rank that no row reached, with two branches or none, with empty sequences or none, merged or not: an empty result
// that leads to every parameter all the same, also through a recomputed step.
TEST(SandwichBlock, WithoutRowsGivesNoRowsAndZeroGradients) {
  for (int64_t branches : {0, 2})
    for (int64_t sequences : {0, 3})
      for (bool merged : {false, true}) {
        SandwichBlock block = random_block(branches);
        if (merged) block.pack(DType::f64, true, true);
        const BlockContext context = context_of(uniform_offsets(sequences, 0), {}, make_row_groups({}));
        const Variable x = random_leaf({0, 6}, 1);
        const Variable y =
            recompute([&](const std::vector<Variable>& in) { return block(in[0], context); }, {block(x, context)});
        EXPECT_EQ(y.shape(), (Shape{0, 6}));
        ASSERT_TRUE(y.requires_grad());
        backward(y);
        EXPECT_EQ(x.grad().shape(), (Shape{0, 6}));
        for (const Variable& parameter : parameters_of(block)) {
          ASSERT_TRUE(parameter.grad().defined());
          EXPECT_EQ(testing::sum_of_squares(parameter.grad()), 0);
        }
      }
}

}  // namespace
}  // namespace modr
