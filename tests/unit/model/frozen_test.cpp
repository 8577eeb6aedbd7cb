// A frozen backbone of bf16 is kept once, in the layout of its products, and computes what one that trains does.
#include <gtest/gtest.h>

#include "moe/lora_branches.hpp"
#include "ops/matmul.hpp"
#include "support/tiny_model.hpp"

namespace modr {
namespace {

using testing::random_batch;
using testing::random_states;
using testing::randomize;
using testing::share_values;
using testing::tiny_config;

ModelConfig config_of(bool tied, RouteUnit unit) {
  ModelConfig config = tiny_config(3);
  config.tie_embeddings = tied;
  config.branches.unit = unit;
  return config;
}

struct Pass {
  double loss;
  std::vector<std::vector<double>> logits, gradients;  // of the branches and their router
};

Pass run(ModrModel& model) {
  model.pack_weights({true, 0});
  const TokenBatch batch = random_batch(3, 7, model.config().vocab_size, 2, 5);
  const Variable states(random_states(model.config(), 3, 7, 9, model.dtype()));
  const Depth depth{1, 2};
  const Variable e = model.run_prelude(batch);
  const CoreOutput output = model.run_core(e, batch, states, {depth, Recompute::none, nullptr});
  const Variable loss = model.loss_of_state(output.state, batch, 0.1);
  backward(loss);
  Pass pass{loss.value().item(), {model.run_coda(output.state, batch).value().to_vector()}, {}};
  for (const Parameter& parameter : model.parameters())
    if (is_branch_parameter(parameter.name)) pass.gradients.push_back(parameter.variable.grad().to_vector());
  return pass;
}

TEST(FrozenBackbone, HasTheBitsOfOneThatTrains) {
  for (const bool tied : {true, false})
    for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token}) {
      const ModelConfig config = config_of(tied, unit);
      ModrModel trained(config, DType::bf16), frozen(config, DType::bf16, Trainable::branches);
      randomize(trained, 3);
      share_values(trained, frozen);
      const Pass want = run(trained), got = run(frozen);
      EXPECT_EQ(got.loss, want.loss);
      EXPECT_EQ(got.logits, want.logits);
      EXPECT_EQ(got.gradients, want.gradients);
      for (const Parameter& parameter : frozen.parameters())
        EXPECT_EQ(parameter.variable.requires_grad(), is_branch_parameter(parameter.name)) << parameter.name;
    }
}

TEST(FrozenBackbone, IsInitialisedToTheSameNumbersRounded) {
  const ModelConfig config = config_of(true, RouteUnit::sequence);
  ModrModel trained(config, DType::bf16), frozen(config, DType::bf16, Trainable::none);
  trained.initialize(3);
  frozen.initialize(3);
  for (std::size_t i = 0; i < frozen.parameters().size(); ++i) {
    const Tensor& value = frozen.parameters()[i].variable.value();
    EXPECT_EQ(value.to_vector(), trained.parameters()[i].variable.value().to(value.dtype()).to_vector());
    EXPECT_FALSE(frozen.parameters()[i].variable.requires_grad());
  }
}

// Two bytes a value of its matrices, with gradients passing and without; the adapter has copies, being two matrices.
TEST(FrozenBackbone, IsKeptOnce) {
  ModelConfig config = config_of(true, RouteUnit::sequence);
  config.n_embd = 192;
  config.n_heads = 4;
  config.intermediate_size = 480;
  config.vocab_size = 960;
  for (const bool with_backward : {true, false}) {
    const std::size_t before = allocator_stats().in_use;
    ModrModel model(config, DType::bf16, Trainable::branches);
    model.pack_weights({with_backward, 0});
    std::size_t values = 0, exact_bytes = 0;
    for (const Parameter& parameter : model.parameters()) {
      const Tensor& value = parameter.variable.value();
      if (value.dtype() == DType::bf16)
        values += static_cast<std::size_t>(value.numel());
      else
        exact_bytes += value.bytes();
    }
    const double adapter = 2.0 * (with_backward ? 2 : 1) * 2 * 192 * 192;
    const double real = static_cast<double>(allocator_stats().in_use - before);
    if (!ops::packed_is_open(cpu_device)) GTEST_SKIP() << "a layout that is read one way only is kept twice";
    EXPECT_LT(real, 1.1 * (2.0 * static_cast<double>(values) + 2.0 * static_cast<double>(exact_bytes) + adapter));
  }
}

}  // namespace
}  // namespace modr
