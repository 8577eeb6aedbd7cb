#include <gtest/gtest.h>

#include "nn/sandwich_block.hpp"
#include "ops/rope.hpp"
#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::random_leaf;
using testing::random_tensor;

// Every parameter of a block, adapters of two branches included, against finite differences.
TEST(SandwichBlock, GradientsOfInputAndAllParameters) {
  const BlockConfig config{6, 1, 5, 1e-6, true};
  SandwichBlock block("block", 0, config, DType::f64);
  for (Linear* linear : {&block.attention.qkv, &block.attention.proj, &block.mlp.fc, &block.mlp.proj}) {
    const int64_t out = linear->weight().size(0), in = linear->weight().size(1);
    linear->attach({random_leaf({2, 2, in}, 7, 0.3), random_leaf({2, out, 2}, 8, 0.3), 0.5});
  }
  ParameterList parameters;
  block.collect(parameters);
  std::vector<Variable> leaves{random_leaf({6, 6}, 1)};
  uint64_t seed = 20;
  for (const Parameter& parameter : parameters) {
    parameter.variable.value().copy_from(random_tensor(parameter.variable.shape(), seed++, 0.5));
    leaves.push_back(parameter.variable);
  }
  BlockContext context;
  context.sequences = make_offsets({0, 2, 6});
  context.rope_table = ops::rope_table(4, 6, 100);
  context.positions = make_indices({0, 1, 0, 1, 2, 3});
  context.groups = make_row_groups({{1, 0, 1}, {0, 1, 4}, {1, 4, 6}});
  testing::check_gradients([&](const std::vector<Variable>& in) { return block(in[0], context); }, leaves, 1e-6);
}

}  // namespace
}  // namespace modr
