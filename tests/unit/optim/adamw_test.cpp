#include "optim/adamw.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "support/differences.hpp"

namespace modr {
namespace {

Parameter make_parameter(std::string name, Shape shape, uint64_t key, DType dtype = DType::f64,
                         bool requires_grad = true) {
  PhiloxSequence random(1, RandomStream::init, key);
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = random.normal();
  return {std::move(name), Variable(Tensor::from<double>(values, std::move(shape), dtype), requires_grad)};
}

Parameter single(double value, std::string name = "w") {
  return {std::move(name), Variable(Tensor::full({1, 1}, DType::f64, value), true)};
}

void set_grad(const Parameter& parameter, uint64_t step, uint64_t key) {
  PhiloxSequence random(2, RandomStream::data, step * 100 + key);
  const Tensor grad = parameter.variable.grad_or_zeros();
  std::vector<double> values(static_cast<std::size_t>(grad.numel()));
  for (double& value : values) value = 0.1 * random.normal();
  grad.copy_from(Tensor::from<double>(values, grad.shape(), DType::f64));
}

// AdamW as the paper writes it, one number at a time.
struct Twin {
  std::vector<double> p, m, v;
  explicit Twin(std::vector<double> start) : p(std::move(start)), m(p.size()), v(p.size()) {}
  void step(const std::vector<double>& g, int t, double lr, const OptimConfig& c, bool decays) {
    for (std::size_t i = 0; i < p.size(); ++i) {
      m[i] = c.beta1 * m[i] + (1 - c.beta1) * g[i];
      v[i] = c.beta2 * v[i] + (1 - c.beta2) * std::pow(g[i], 2);
      const double m_hat = m[i] / (1 - std::pow(c.beta1, t)), v_hat = v[i] / (1 - std::pow(c.beta2, t));
      p[i] -= lr * (m_hat / (std::sqrt(v_hat) + c.eps) + (decays ? c.weight_decay * p[i] : 0));
    }
  }
};

double largest_difference(const Tensor& tensor, const std::vector<double>& expected) {
  return testing::largest_difference(tensor.to_vector(), expected);
}

// Large enough for several threads, with a tail that fills no vector register.
void expect_follows_twin(DType dtype, double tolerance) {
  OptimConfig config;
  config.weight_decay = 0.3;
  const ParameterList parameters = {make_parameter("a.weight", {130, 257}, 1, dtype),
                                    make_parameter("norm.weight", {13}, 2, dtype),
                                    make_parameter("attn.qk_bias", {2, 1, 3, 2}, 3, dtype)};
  std::vector<Twin> twins;
  for (const Parameter& parameter : parameters) twins.emplace_back(parameter.variable.value().to_vector());
  AdamW optimizer(parameters, config);
  for (int t = 1; t <= 30; ++t) {
    const double lr = 0.01 / t;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      set_grad(parameters[i], static_cast<uint64_t>(t), i);
      twins[i].step(parameters[i].variable.grad().to_vector(), t, lr, config, i == 0);
    }
    optimizer.step(lr);
  }
  EXPECT_EQ(optimizer.num_steps(), 30);
  const std::vector<TensorPart> state = optimizer.state();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_LT(largest_difference(parameters[i].variable.value(), twins[i].p), tolerance) << parameters[i].name;
    EXPECT_LT(largest_difference(state[2 * i].tensor, twins[i].m), tolerance);
    EXPECT_LT(largest_difference(state[2 * i + 1].tensor, twins[i].v), tolerance);
  }
}

TEST(AdamW, FollowsThePaperInDouble) { expect_follows_twin(DType::f64, 1e-14); }
TEST(AdamW, FollowsThePaperInFloat) { expect_follows_twin(DType::f32, 2e-6); }

// Computed by hand for lr 0.1, betas 0.9 and 0.99, decay 0.1: 1 - 0.01 - 0.1, then 0.89 * 0.99 + 0.1 * 0.365608.
TEST(AdamW, TwoStepsByHand) {
  OptimConfig config;
  config.beta2 = 0.99;
  const Parameter w = single(1);
  AdamW optimizer({w}, config);
  w.variable.grad_or_zeros().fill(0.5);
  optimizer.step(0.1);
  EXPECT_NEAR(w.variable.value().item(), 0.890000002, 1e-12);
  w.variable.grad_or_zeros().fill(-1);
  optimizer.step(0.1);
  EXPECT_NEAR(w.variable.value().item(), 0.9176607728517224, 1e-12);
  EXPECT_NEAR(optimizer.state()[0].tensor.item(), -0.055, 1e-15);
  EXPECT_NEAR(optimizer.state()[1].tensor.item(), 0.012475, 1e-15);
}

TEST(AdamW, AStepChangesTheVersionOfWhatItWrites) {
  const Parameter w = single(1);
  AdamW optimizer({w}, OptimConfig());
  const uint64_t before = w.variable.value().version();
  optimizer.step(0.1);
  EXPECT_NE(w.variable.value().version(), before);
}

TEST(AdamW, DecayIsForMatricesUnlessAskedFor) {
  for (const bool vectors : {false, true}) {
    OptimConfig config;
    config.weight_decay = 0.5;
    config.decay_vectors = vectors;
    const Parameter matrix = single(2), bias = single(2, "attn.qk_bias");
    const Parameter norm{"norm.weight", Variable(Tensor::full({1}, DType::f64, 2), true)};
    AdamW({matrix, bias, norm}, config).step(0.1);  // no gradients: nothing but the decay moves a weight
    EXPECT_DOUBLE_EQ(matrix.variable.value().item(), 1.9);
    EXPECT_DOUBLE_EQ(bias.variable.value().item(), vectors ? 1.9 : 2);
    EXPECT_DOUBLE_EQ(norm.variable.value().item(), vectors ? 1.9 : 2);
  }
}

TEST(AdamW, FrozenParametersHaveNoStateAndStay) {
  const Parameter frozen = make_parameter("frozen", {3, 3}, 1, DType::f64, false), trained = single(1);
  AdamW optimizer({frozen, trained}, {});
  const std::vector<double> before = frozen.variable.value().to_vector();
  trained.variable.grad_or_zeros().fill(1);
  optimizer.step(0.1);
  EXPECT_EQ(optimizer.state().size(), 2u);
  EXPECT_EQ(frozen.variable.value().to_vector(), before);
  EXPECT_FALSE(frozen.variable.grad().defined());
  const double value = trained.variable.value().item();
  trained.variable.set_requires_grad(false);
  optimizer.step(0.1);
  EXPECT_EQ(trained.variable.value().item(), value);
}

TEST(AdamW, AMissingGradientIsAZeroGradient) {
  const Parameter missing = single(1), zero = single(1);
  AdamW first({missing}, {}), second({zero}, {});
  for (int t = 0; t < 3; ++t) {
    for (const Parameter& parameter : {missing, zero}) {
      parameter.variable.clear_grad();
      if (t == 0) parameter.variable.grad_or_zeros().fill(0.5);
    }
    zero.variable.grad_or_zeros();
    first.step(0.1);
    second.step(0.1);
  }
  EXPECT_EQ(missing.variable.value().item(), zero.variable.value().item());
}

TEST(AdamW, RestoredStateContinuesBitForBit) {
  const Parameter through = make_parameter("w", {5, 7}, 1, DType::f32);
  AdamW uninterrupted({through}, {});
  const auto train = [](AdamW& optimizer, const Parameter& parameter, int begin, int end) {
    for (int t = begin; t < end; ++t) {
      set_grad(parameter, static_cast<uint64_t>(t), 0);
      optimizer.step(0.01);
    }
  };
  train(uninterrupted, through, 0, 5);
  const Parameter resumed{"w", Variable(through.variable.value().clone(), true)};
  AdamW second({resumed}, {});
  for (std::size_t i = 0; i < 2; ++i) second.state()[i].tensor.copy_from(uninterrupted.state()[i].tensor);
  second.resume_after(uninterrupted.num_steps());
  train(uninterrupted, through, 5, 10);
  train(second, resumed, 5, 10);
  EXPECT_EQ(second.num_steps(), 10);
  EXPECT_EQ(resumed.variable.value().to_vector(), through.variable.value().to_vector());
}

TEST(AdamW, StateNamesTheRowsThatARankHolds) {
  Parameter slice = make_parameter("transformer.core_block.0.attn.proj.lora_A", {2, 3, 4}, 1, DType::f32);
  slice.first_row = 3;
  slice.num_rows = 7;
  for (const TensorPart& part : AdamW({slice}, {}).state()) {
    EXPECT_EQ(part.first_row, 3);
    EXPECT_EQ(part.whole_shape(), (Shape{7, 3, 4}));
  }
  AdamW optimizer({slice}, {});
  EXPECT_THROW(optimizer.resume_after(-1), Error);
}

}  // namespace
}  // namespace modr
