#include "train/loss_guard.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/philox.hpp"
#include "support/expect_error.hpp"

namespace modr {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

// A guard that has seen `steps` with losses of mean 2 and deviation 0.2 and norms about 1, and skipped none.
LossGuard guard_after(int64_t steps, const GuardConfig& config = {}) {
  LossGuard guard(config);
  PhiloxSequence rng(5, RandomStream::data);
  for (int64_t i = 0; i < steps; ++i)
    EXPECT_FALSE(guard.judge(2 + 0.2 * rng.normal(), std::exp(0.5 * rng.normal()))) << i;
  return guard;
}

// Whether `text` is there and holds `part`.
void expect_reason(const std::optional<std::string>& text, const std::string& part) {
  ASSERT_TRUE(text);
  EXPECT_NE(text->find(part), std::string::npos) << *text;
}

TEST(LossGuard, SkipsWhatIsNotFiniteFromTheFirstStep) {
  LossGuard guard(GuardConfig{});
  expect_reason(guard.judge(NAN, 1), "loss is nan");
  expect_reason(guard.judge(inf, 1), "loss is inf");
  expect_reason(guard.judge(2, NAN), "norm is nan");
  expect_reason(guard.judge(2, inf), "norm is inf");
  EXPECT_EQ(guard.num_skipped(), 4);
  EXPECT_FALSE(guard.judge(2, 1));
  EXPECT_EQ(guard.num_skipped(), 4);
  EXPECT_EQ(guard.skipped_in_a_row(), 0);
}

TEST(LossGuard, SkipsOutliersUpwardsAlone) {
  LossGuard guard = guard_after(100);
  expect_reason(guard.judge(4, 1), "loss, 4,");
  expect_reason(guard.judge(2, std::exp(6)), "norm, 403.4,");
  EXPECT_FALSE(guard.judge(2.4, 1));
  EXPECT_FALSE(guard.judge(2, std::exp(1.5)));
  EXPECT_FALSE(guard.judge(0.1, 1)) << "a loss that is suddenly low";
  EXPECT_FALSE(guard.judge(2, std::exp(-6)));
  EXPECT_FALSE(guard.judge(2, 0));
}

// Against the definition, in another order of sums.
TEST(LossGuard, MeasuresDeviationsOverTheWindowAlone) {
  const GuardConfig config{.window = 40, .z_score = 3, .max_skipped = 5};
  LossGuard guard(config);
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(guard.judge(1000, 1));  // leave the window
  std::vector<double> losses;
  for (int i = 0; i < 40; ++i) losses.push_back(5 + (i % 2 == 0 ? 0.5 : -0.5));  // mean 5, deviation 0.5
  for (double loss : losses) ASSERT_FALSE(guard.judge(loss, 1));
  LossGuard above = guard;
  expect_reason(above.judge(6.51, 1), "3.0 deviations above 5, the mean of the last 40 steps");
  EXPECT_FALSE(guard.judge(6.49, 1));
}

TEST(LossGuard, ComparesWithNothingBefore32Steps) {
  LossGuard guard(GuardConfig{});
  for (int i = 0; i < 31; ++i) ASSERT_FALSE(guard.judge(1, 1));
  EXPECT_FALSE(guard.judge(1e6, 1e6));
  LossGuard later(GuardConfig{});
  for (int i = 0; i < 32; ++i) ASSERT_FALSE(later.judge(1, 1));
  EXPECT_TRUE(later.judge(1e6, 1));
  EXPECT_TRUE(later.judge(1, 1e6));
}

TEST(LossGuard, SkippedStepsAreNotComparedWith) {
  LossGuard guard = guard_after(64);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(guard.judge(10, 1)) << "it never gets used to them";
  EXPECT_FALSE(guard.judge(2, 1));
}

TEST(LossGuard, AFlatLossMakesNoOutliersOfNothing) {
  LossGuard guard(GuardConfig{});
  for (int i = 0; i < 200; ++i) ASSERT_FALSE(guard.judge(1e-4, 1e-3));
  EXPECT_FALSE(guard.judge(0.3, 1e-3));
  EXPECT_FALSE(guard.judge(1e-4, 5e-3));
  EXPECT_TRUE(guard.judge(3, 1e-3));
}

TEST(LossGuard, WithoutAZScoreAnyFiniteNumberWillDo) {
  LossGuard guard = guard_after(64, {.window = 128, .z_score = 0, .max_skipped = 5});
  EXPECT_FALSE(guard.judge(1e30, 1e30));
  EXPECT_TRUE(guard.judge(NAN, 1));
}

TEST(LossGuard, GivesUpAfterTooManyInARow) {
  LossGuard guard(GuardConfig{.window = 128, .z_score = 8, .max_skipped = 2});
  guard.judge(NAN, 1);
  guard.judge(NAN, 1);
  EXPECT_FALSE(guard.gives_up());
  guard.judge(2, 1);
  guard.judge(NAN, 1);
  guard.judge(NAN, 1);
  EXPECT_FALSE(guard.gives_up()) << "not in a row";
  guard.judge(NAN, 1);
  EXPECT_TRUE(guard.gives_up());
  EXPECT_EQ(guard.num_skipped(), 5);
  EXPECT_EQ(guard.skipped_in_a_row(), 3);
  LossGuard none(GuardConfig{.window = 128, .z_score = 8, .max_skipped = 0});
  none.judge(NAN, 1);
  EXPECT_TRUE(none.gives_up());
}

// Cut anywhere, a run's decisions and numbers are those of the whole.
TEST(LossGuard, GoesOnBitForBitFromItsValues) {
  LossGuard whole(GuardConfig{.window = 50, .z_score = 2, .max_skipped = 100}), parts = whole;
  PhiloxSequence rng(9, RandomStream::data);
  for (int i = 0; i < 300; ++i) {
    const double loss = i % 37 == 36 ? NAN : 2 + rng.normal(), norm = std::exp(rng.normal());
    LossGuard resumed(GuardConfig{.window = 50, .z_score = 2, .max_skipped = 100});
    resumed.restore(parts.values());
    parts = resumed;
    ASSERT_EQ(parts.judge(loss, norm), whole.judge(loss, norm)) << i;
    ASSERT_EQ(parts.values(), whole.values()) << i;
  }
  EXPECT_GT(whole.num_skipped(), 10) << "outliers were among them";
}

TEST(LossGuard, AShorterWindowKeepsTheNewest) {
  const LossGuard longer = guard_after(100);
  LossGuard guard(GuardConfig{.window = 40, .z_score = 8, .max_skipped = 5});
  guard.restore(longer.values());
  const std::vector<double> all = longer.values(), kept = guard.values();
  ASSERT_EQ(kept.size(), 2 + 2 * 40u);
  EXPECT_EQ(std::vector(kept.begin() + 2, kept.begin() + 42), std::vector(all.begin() + 62, all.begin() + 102));
  EXPECT_EQ(std::vector(kept.begin() + 42, kept.end()), std::vector(all.begin() + 162, all.end()));
}

TEST(LossGuard, RefusesValuesOfSomethingElse) {
  LossGuard guard = guard_after(40);
  const std::vector<double> before = guard.values();
  for (const std::vector<double>& values :
       {std::vector<double>{1}, {0, 0, 1}, {-1, 0}, {0, 0.5}, {0, 0, NAN, 1}, {0, 0, 1, inf}})
    expect_error([&] { guard.restore(values); }, {"guard", fmt::format("found {} numbers", values.size())});
  EXPECT_EQ(guard.values(), before);
  guard.restore({});
  EXPECT_EQ(guard.values(), (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace modr
