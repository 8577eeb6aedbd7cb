#include "tools/bench/model.hpp"

#include <gtest/gtest.h>

#include "moe/lora_branches.hpp"

namespace modr::tools {
namespace {

ModelConfig small_config(int64_t n_branches = 0) {
  BenchModel sizes;
  sizes.n_embd = 24;
  sizes.n_heads = 2;
  sizes.intermediate_size = 40;
  sizes.vocab_size = 50;
  sizes.prelude = 1;
  sizes.core = 2;
  sizes.coda = 3;
  ModelConfig config = sizes.config(8);
  config.branches.n_branches = n_branches;
  config.branches.lora_rank = 4;
  config.branches.lora_targets = all_lora_targets;
  return config;
}

// Values of the model's matrices, or of one branch's adapters.
double matrix_values(const ModelConfig& config, bool adapters) {
  const ModrModel model(config, DType::f32);
  double sum = 0;
  for (const Parameter& parameter : model.parameters()) {
    const Tensor& value = parameter.variable.value();
    if (is_adapter(parameter.name)) {
      if (adapters) sum += static_cast<double>(value.numel() / config.branches.n_branches);
    } else if (!adapters && value.rank() == 2 && parameter.name != "transformer.router.weight") {
      sum += static_cast<double>(value.numel());
    }
  }
  return sum;
}

// Products of causal attention in all layers, forward: every pair of tokens twice 2 E.
double attention_operations(int64_t sequences, int64_t seq_len, int64_t e, int64_t layers) {
  double pairs = 0;
  for (int64_t i = 0; i < seq_len; ++i) pairs += static_cast<double>(i + 1);
  return pairs * static_cast<double>(sequences * layers * 4 * e);
}

TEST(BenchModel, WeightsOfAPassAreTheModels) {
  const PassWeights weights = count_pass_weights(small_config());
  EXPECT_EQ(static_cast<double>(weights.values(1)), matrix_values(small_config(), false));
  EXPECT_EQ(weights.values(3) - weights.values(1), 2 * weights.each_recurrence);
}

TEST(BenchModel, ForwardMeetsEveryMatrixOnce) {
  const StepOperations count = count_operations(small_config(), 3, 7, {0, 1}, Trainable::all);
  const double forward = 2 * 21 * matrix_values(small_config(), false) + attention_operations(3, 7, 24, 6);
  EXPECT_EQ(count.no_grad, 0);
  EXPECT_DOUBLE_EQ(count.with_grad, forward);
  EXPECT_DOUBLE_EQ(count.head_gradients, 2 * 2 * 21 * 24 * 50);
  // Twice, but for the gradient of the first state.
  EXPECT_DOUBLE_EQ(count.backward + count.head_gradients, 2 * forward - 2 * 21 * 24 * 24);
}

TEST(BenchModel, RecurrencesRepeatTheCore) {
  const StepOperations one = count_operations(small_config(), 3, 7, {0, 1}, Trainable::all);
  const StepOperations more = count_operations(small_config(), 3, 7, {2, 3}, Trainable::all);
  EXPECT_DOUBLE_EQ(more.no_grad, more.with_grad - one.with_grad);
  EXPECT_DOUBLE_EQ(more.backward - one.backward, 2 * (more.with_grad - one.with_grad));
}

TEST(BenchModel, AdaptersOverAFrozenBackbone) {
  const StepOperations plain = count_operations(small_config(), 3, 7, {0, 1}, Trainable::all);
  const StepOperations lora = count_operations(small_config(4), 3, 7, {0, 1}, Trainable::branches);
  const double adapters = 2 * 21 * matrix_values(small_config(4), true);
  EXPECT_DOUBLE_EQ(lora.with_grad, plain.with_grad + adapters);
  // One product for each of core and coda, but for the first Wqkv's; two for adapters and attention.
  const double block = 4 * 24 * 24 + 3 * 24 * 40;
  EXPECT_DOUBLE_EQ(lora.head_gradients, 2 * 21 * 24 * 50);
  EXPECT_DOUBLE_EQ(lora.backward,
                   2 * 21 * (5 * block - 3 * 24 * 24) + 2 * adapters + 2 * attention_operations(3, 7, 24, 5));
}

// The goals' size: some 7 TFLOP.
TEST(BenchModel, DefaultStep) {
  const StepOperations count = count_operations(BenchModel().config(1024), 2, 1024, {8, 4}, Trainable::all);
  EXPECT_GT(count.total(), 6e12);
  EXPECT_LT(count.total(), 8e12);
}

}  // namespace
}  // namespace modr::tools
