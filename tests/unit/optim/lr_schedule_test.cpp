#include "optim/lr_schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.hpp"

namespace modr {
namespace {

OptimConfig trapezoid(int64_t warmup_steps, int64_t decay_steps) {
  OptimConfig config;
  config.lr = 1;
  config.warmup_steps = warmup_steps;
  config.decay_steps = decay_steps;
  config.decay_fraction = 0;
  return config;
}

void expect_rates(const OptimConfig& config, int64_t total_steps, const std::vector<double>& expected) {
  for (std::size_t step = 0; step < expected.size(); ++step)
    EXPECT_NEAR(learning_rate(config, static_cast<int64_t>(step), total_steps), expected[step], 1e-15) << step;
}

TEST(LrSchedule, RisesStaysAndFalls) {
  expect_rates(trapezoid(4, 4), 12, {0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0});
}

TEST(LrSchedule, WithoutWarmUpOrDecayIsConstant) {
  expect_rates(trapezoid(0, 0), 3, {1, 1, 1, 1, 1});
  expect_rates(trapezoid(2, 0), 3, {0.5, 1, 1, 1});
  expect_rates(trapezoid(0, 2), 3, {1, 1, 0.5, 0});
}

TEST(LrSchedule, DecayMayTakeTheWholeRunAndEndsAtMinLr) {
  OptimConfig config = trapezoid(0, 4);
  config.min_lr = 0.2;
  expect_rates(config, 4, {1, 0.8, 0.6, 0.4, 0.2, 0.2});
  EXPECT_NEAR(learning_rate(config, int64_t{1} << 60, 4), 0.2, 1e-15);
}

TEST(LrSchedule, CosineFallsSlowlyAtBothEnds) {
  OptimConfig config = trapezoid(0, 6);
  config.decay_shape = DecayShape::cosine;
  const double near = 0.5 + 0.25 * std::sqrt(3);  // (1 + cos(pi / 6)) / 2
  expect_rates(config, 6, {1, near, 0.75, 0.5, 0.25, 1 - near, 0});
}

TEST(LrSchedule, FractionIsOfTheTotalAndStepsGoFirst) {
  OptimConfig config = trapezoid(0, 0);
  config.decay_fraction = 0.25;
  expect_rates(config, 8, {1, 1, 1, 1, 1, 1, 1, 0.5, 0});
  config.decay_steps = 4;
  expect_rates(config, 8, {1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0});
}

TEST(LrSchedule, TheLowerSlopeCountsWhereTheyMeet) {
  expect_rates(trapezoid(4, 4), 4, {0.25, 0.5, 0.5, 0.25, 0});
  expect_rates(trapezoid(10, 0), 2, {0.1, 0.2, 0.3});
  expect_rates(trapezoid(0, 10), 2, {0.2, 0.1, 0});  // a decay longer than the run is under way at its start
}

TEST(LrSchedule, NegativeStepsAreRefused) { EXPECT_THROW(learning_rate({}, -1, 10), Error); }

}  // namespace
}  // namespace modr
