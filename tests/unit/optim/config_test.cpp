#include "optim/config.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "base/error.hpp"

namespace modr {
namespace {

std::string validation_error(const std::function<void(OptimConfig&)>& change) {
  OptimConfig config;
  change(config);
  try {
    config.validate();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(OptimConfig, DefaultsAreValid) { EXPECT_NO_THROW(OptimConfig{}.validate()); }

TEST(OptimConfig, EachFieldIsNamedWithItsRange) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const auto error = validation_error;
  EXPECT_EQ(error([](auto& c) { c.lr = 0; }), "optim.lr: expected a positive number, found 0");
  EXPECT_EQ(error([&](auto& c) { c.lr = nan; }), "optim.lr: expected a positive number, found nan");
  EXPECT_EQ(error([&](auto& c) { c.lr = infinity; }), "optim.lr: expected a positive number, found inf");
  EXPECT_EQ(error([](auto& c) { c.beta1 = 1; }), "optim.beta1: expected a number in [0, 1), found 1");
  EXPECT_EQ(error([](auto& c) { c.beta2 = -0.1; }), "optim.beta2: expected a number in [0, 1), found -0.1");
  EXPECT_EQ(error([](auto& c) { c.eps = 0; }), "optim.eps: expected a positive number, found 0");
  EXPECT_EQ(error([](auto& c) { c.weight_decay = -1; }),
            "optim.weight_decay: expected a number in [0, 1 / lr), found -1");
  EXPECT_EQ(error([](auto& c) { c.clip_norm = -2; }),
            "optim.clip_norm: expected a positive number, or 0 for no clipping, found -2");
  EXPECT_EQ(error([](auto& c) { c.min_lr = 2; }), "optim.min_lr: expected a number in [0, lr = 0.001], found 2");
  EXPECT_EQ(error([](auto& c) { c.decay_fraction = 1.5; }),
            "optim.decay_fraction: expected a number in [0, 1], found 1.5");
  EXPECT_EQ(error([](auto& c) { c.warmup_steps = -1; }), "optim.warmup_steps: expected 0 or more, found -1");
  EXPECT_EQ(error([](auto& c) { c.decay_steps = -1; }), "optim.decay_steps: expected 0 or more, found -1");
}

TEST(OptimConfig, DecayShapesHaveNames) {
  for (DecayShape shape : {DecayShape::linear, DecayShape::cosine}) EXPECT_EQ(parse_decay_shape(name_of(shape)), shape);
  EXPECT_THROW(parse_decay_shape("cosin"), Error);
}

}  // namespace
}  // namespace modr
