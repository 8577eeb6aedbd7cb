#include <gtest/gtest.h>

#include <cmath>

#include "model/modr_model.hpp"
#include "support/grad_check.hpp"
#include "support/squares.hpp"
#include "support/tiny_model.hpp"

namespace modr {
namespace {

using testing::random_batch;
using testing::random_states;
using testing::randomize;
using testing::tiny_config;

struct Options {
  RouteUnit unit;
  RouteWhen when;
  RouteScore score;
  int64_t top_k;
  ops::Gate gate;
};

ModelConfig with(const Options& options) {
  ModelConfig config = tiny_config(3);
  config.branches.unit = options.unit;
  config.branches.when = options.when;
  config.branches.score = options.score;
  config.branches.top_k = options.top_k;
  config.branches.gate = options.gate;
  return config;
}

std::vector<Options> all_options() {
  std::vector<Options> all;
  for (RouteUnit unit : {RouteUnit::sequence, RouteUnit::token})
    for (RouteWhen when : {RouteWhen::forward, RouteWhen::recurrence})
      for (RouteScore score : {RouteScore::sigmoid, RouteScore::softmax})
        for (int64_t top_k : {1, 2})
          for (ops::Gate gate : {ops::Gate::raw, ops::Gate::straight_through})
            if (top_k == 1 || unit == RouteUnit::sequence) all.push_back({unit, when, score, top_k, gate});
  return all;
}

double loss_of(const ModrModel& model, const TokenBatch& batch, const Tensor& states, const Depth& depth) {
  const NoGrad guard;
  const ForwardOutput output = model.forward(batch, Variable(states), {depth, Recompute::none, nullptr});
  return model.loss(output.logits, batch, 0.1).value().item();
}

void run_backward(const ModrModel& model, const TokenBatch& batch, const Tensor& states, const Depth& depth,
                  Recompute recompute) {
  for (const Parameter& parameter : model.parameters()) parameter.variable.clear_grad();
  const ForwardOutput output = model.forward(batch, Variable(states), {depth, recompute, nullptr});
  backward(model.loss(output.logits, batch, 0.1));
}

// The whole model with raw gates and no step without gradient: every parameter against finite differences, on a sample
// of elements. (Gates of `straight_through`, and constants of steps without gradient, differ from their value's slope
// by definition; golden files cover those.)
TEST(ModrModel, GradientsMatchFiniteDifferencesForAllRoutingOptions) {
  for (const Options& options : all_options()) {
    if (options.gate != ops::Gate::raw) continue;
    ModrModel model(with(options), DType::f64);
    randomize(model, 3);
    const TokenBatch batch = random_batch(2, 4, 13, 1, 5);
    const Tensor states = random_states(model.config(), 2, 4, 9, DType::f64);
    const Depth depth{0, 2};
    run_backward(model, batch, states, depth, Recompute::none);
    for (const Parameter& parameter : model.parameters()) {
      const std::vector<double> gradient = parameter.variable.grad_or_zeros().to_vector();
      auto values = parameter.variable.value().span<double>();
      for (std::size_t i = 0; i < values.size(); i += 1 + values.size() / 3) {
        const double before = values[i], step = 1e-5;
        values[i] = before + step;
        const double above = loss_of(model, batch, states, depth);
        values[i] = before - step;
        const double below = loss_of(model, batch, states, depth);
        values[i] = before;
        ASSERT_NEAR(gradient[i], (above - below) / (2 * step), 2e-6) << parameter.name << " element " << i;
      }
    }
  }
}

TEST(ModrModel, LossOfStateIsLossOfLogits) {
  ModrModel model(tiny_config(), DType::f64);
  randomize(model, 3);
  const TokenBatch batch = random_batch(3, 5, 13, 2, 5);
  const Tensor states = random_states(model.config(), 3, 5, 9, DType::f64);
  run_backward(model, batch, states, {0, 2}, Recompute::none);
  std::vector<std::vector<double>> expected;
  for (const Parameter& parameter : model.parameters()) {
    expected.push_back(parameter.variable.grad_or_zeros().to_vector());
    parameter.variable.clear_grad();
  }
  const Variable e = model.run_prelude(batch);
  const CoreOutput core = model.run_core(e, batch, Variable(states), {{0, 2}, Recompute::none, nullptr});
  const Variable loss = model.loss_of_state(core.state, batch, 0.1);
  EXPECT_NEAR(loss.value().item(), loss_of(model, batch, states, {0, 2}), 1e-12);
  backward(loss);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::vector<double> gradient = model.parameters()[i].variable.grad_or_zeros().to_vector();
    for (std::size_t j = 0; j < gradient.size(); ++j) ASSERT_NEAR(gradient[j], expected[i][j], 1e-12);
  }
}

std::vector<std::vector<double>> gradients_of(const ModrModel& model) {
  std::vector<std::vector<double>> gradients;
  for (const Parameter& parameter : model.parameters())
    gradients.push_back(parameter.variable.grad_or_zeros().to_vector());
  return gradients;
}

TEST(ModrModel, RecomputeGivesTheSameBitsAndCountsOnce) {
  for (const Options& options : all_options())
    for (const DType dtype : {DType::f32, DType::bf16})
      for (const Trainable trainable : {Trainable::all, Trainable::branches}) {
        ModrModel model(with(options), dtype, trainable);
        randomize(model, 3);
        const TokenBatch batch = random_batch(3, 5, 13, 2, 5);
        const Tensor states = random_states(model.config(), 3, 5, 9, dtype);
        run_backward(model, batch, states, {2, 2}, Recompute::none);
        const auto kept = gradients_of(model);
        for (const Recompute recompute : {Recompute::block, Recompute::recurrence}) {
          run_backward(model, batch, states, {2, 2}, recompute);
          ASSERT_EQ(gradients_of(model), kept) << static_cast<int>(recompute);
          const ForwardOutput output = model.forward(batch, Variable(states), {{2, 2}, recompute, nullptr});
          ASSERT_EQ(output.decisions.size(), options.when == RouteWhen::forward ? 1u : 4u);
          for (const RouteDecision& decision : output.decisions) {
            int64_t total = 0;
            for (int64_t count : decision.plan->counts) total += count;
            ASSERT_EQ(total, options.unit == RouteUnit::sequence ? 3 * options.top_k : 13);  // without padding
          }
        }
      }
}

// `block` in every stage, `recurrence` more in the core alone; a frozen prelude has nothing that could run again.
TEST(ModrModel, RecomputeKeepsLess) {
  for (const int64_t n_branches : {0, 3}) {
    ModelConfig config = tiny_config(n_branches);
    config.n_embd = 64;
    config.n_layers_in_recurrent_block = 4;
    ModrModel model(config, DType::f32, n_branches > 0 ? Trainable::branches : Trainable::all);
    randomize(model, 3);
    const TokenBatch batch = random_batch(8, 16, 13, 0, 5);
    const Tensor states = random_states(config, 8, 16, 9, DType::f32);
    std::vector<std::size_t> kept;
    for (const Recompute recompute : {Recompute::none, Recompute::block, Recompute::recurrence}) {
      const std::size_t before = allocator_stats().in_use;
      const ForwardOutput output = model.forward(batch, Variable(states), {{1, 4}, recompute, nullptr});
      kept.push_back(allocator_stats().in_use - before);
      EXPECT_EQ(model.run_prelude(batch, {{1, 4}, recompute, nullptr}).requires_grad(), n_branches == 0);
    }
    EXPECT_LT(2 * kept[1], kept[0]);
    EXPECT_LT(2 * kept[2], kept[0]);
  }
}

// The second pass of the same shape finds all its memory.
TEST(ModrModel, AForwardPassAllocatesNothingAfterTheFirst) {
  ModelConfig config = tiny_config(3);
  config.n_embd = 64;
  ModrModel model(config, DType::f32);
  randomize(model, 3);
  const TokenBatch batch = random_batch(8, 16, 13, 0, 5);
  const Tensor states = random_states(config, 8, 16, 9, DType::f32);
  loss_of(model, batch, states, {4, 0});
  const std::size_t before = allocator_stats().system_allocations;
  for (int i = 0; i < 3; ++i) loss_of(model, batch, states, {4, 0});
  EXPECT_EQ(allocator_stats().system_allocations, before);
}

TEST(ModrModel, FrozenBackboneTrainsOnlyBranchesAndRouter) {
  ModrModel model(tiny_config(3), DType::f32, Trainable::branches);
  randomize(model, 1);
  const TokenBatch batch = random_batch(2, 4, 13, 0, 5);
  run_backward(model, batch, random_states(model.config(), 2, 4, 9, DType::f32), {1, 2}, Recompute::none);
  for (const Parameter& parameter : model.parameters()) {
    const bool branch =
        parameter.name.find(".lora_") != std::string::npos || parameter.name == "transformer.router.weight";
    EXPECT_EQ(parameter.variable.requires_grad(), branch) << parameter.name;
    EXPECT_EQ(parameter.variable.grad().defined(), branch) << parameter.name;
  }
}

TEST(ModrModel, PaddingChangesNothingElse) {
  ModrModel model(tiny_config(3), DType::f64);
  randomize(model, 1);
  const TokenBatch batch = random_batch(1, 6, 13, 2, 5);
  TokenBatch other = batch;
  std::vector<int32_t> ids = batch.ids->values();
  ids[4] = (ids[4] + 1) % 13;
  ids[5] = (ids[5] + 5) % 13;
  other.ids = make_indices(ids);
  const Tensor states = random_states(model.config(), 1, 6, 9, DType::f64);
  EXPECT_EQ(loss_of(model, batch, states, {1, 2}), loss_of(model, other, states, {1, 2}));
}

// Zero B matrices: any branch is the plain model, whose gate is then the only difference; with one branch it is exact.
TEST(ModrModel, AFreshLoraIsThePlainModel) {
  ModrModel plain(tiny_config(0), DType::f32), lora(tiny_config(1), DType::f32);
  plain.initialize(4);
  lora.initialize(4);
  const TokenBatch batch = random_batch(2, 4, 13, 0, 5);
  const Tensor states = random_states(plain.config(), 2, 4, 9, DType::f32);
  EXPECT_EQ(loss_of(plain, batch, states, {1, 2}), loss_of(lora, batch, states, {1, 2}));
}

TEST(ModrModel, InitialisationFollowsTakase) {
  ModelConfig config = tiny_config(2);
  config.n_embd = 64;
  config.n_heads = 4;
  config.intermediate_size = 96;
  config.vocab_size = 500;
  ModrModel model(config, DType::f32);
  model.initialize(1);
  // A normal truncated at 3 sigma has standard deviation 0.98658 sigma.
  const double std = 0.98658 * std::sqrt(2.0 / (5 * 64)), depth = 1 + 1 + 2 * 3;
  const auto measured = [](const Tensor& tensor) {
    return std::sqrt(testing::sum_of_squares(tensor.contiguous()) / static_cast<double>(tensor.numel()));
  };
  for (const Parameter& parameter : model.parameters()) {
    const Tensor& value = parameter.variable.value();
    const std::string& name = parameter.name;
    if (name.ends_with("wte.weight") || name.ends_with("Wqkv.weight") || name.ends_with("adapter.weight")) {
      EXPECT_NEAR(measured(value) / std, 1, 0.03) << name;
    } else if (name.ends_with(".proj.weight")) {
      EXPECT_NEAR(measured(value) / std * std::sqrt(2 * depth), 1, 0.05) << name;
    } else if (name.ends_with("fc.weight")) {
      EXPECT_NEAR(measured(value.slice(0, 0, 96)) / std, 1, 0.05) << name;
      EXPECT_NEAR(measured(value.slice(0, 96, 192)) / std * std::sqrt(2 * depth), 1, 0.05) << name;
    } else if (name.ends_with("lora_A")) {
      EXPECT_NEAR(measured(value) * std::sqrt(3.0 * double(value.size(-1))), 1, 0.1) << name;
    } else if (name.ends_with("lora_B")) {
      EXPECT_EQ(measured(value), 0) << name;
    } else if (value.rank() == 1) {
      EXPECT_EQ(measured(value), 1) << name;
    }
  }
}

TEST(InitialState, DependsOnItsKeyOnly) {
  const ModelConfig config = tiny_config();
  const std::vector<StateKey> keys{{1, 2, 3}, {1, 2, 4}, {1, 5, 3}, {2, 2, 3}};
  const std::vector<StateKey> reversed(keys.rbegin(), keys.rend());
  const Tensor a = initial_states(config, keys, DType::f32), b = initial_states(config, reversed, DType::f32);
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(a.slice(0, i, i + 1).to_vector(), b.slice(0, 3 - i, 4 - i).to_vector());
    for (int64_t j = 0; j < i; ++j) EXPECT_NE(a.slice(0, i, i + 1).to_vector(), a.slice(0, j, j + 1).to_vector());
  }
  for (double value : a.to_vector()) EXPECT_LE(std::abs(value), 3 * std::sqrt(2.0 / 5) + 1e-6);
}

TEST(ModelConfig, ImpossibleSizesAreNamed) {
  const auto message = [](auto change) -> std::string {
    ModelConfig config = tiny_config();
    change(config);
    try {
      ModrModel model(config, DType::f32);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const auto names = [&](auto change, const char* part) { return message(change).find(part) != std::string::npos; };
  EXPECT_TRUE(names([](ModelConfig& c) { c.n_heads = 3; }, "model.n_embd: expected a multiple of n_heads"));
  EXPECT_TRUE(names([](ModelConfig& c) { c.n_heads = 8; }, "even head size"));
  EXPECT_TRUE(names([](ModelConfig& c) { c.vocab_size = 0; }, "model.vocab_size"));
  EXPECT_TRUE(names([](ModelConfig& c) { c.norm_eps = 0; }, "model.norm_eps"));
  ModrModel model(tiny_config(), DType::f32);
  EXPECT_THROW(model.prelude().embed(make_indices({13})), Error);
  const Tensor states = random_states(model.config(), 1, 17, 1, DType::f32);
  EXPECT_THROW(loss_of(model, random_batch(1, 17, 13, 0, 1), states, {0, 1}), Error);  // longer than the block
}

}  // namespace
}  // namespace modr
