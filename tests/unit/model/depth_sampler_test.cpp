#include "model/depth_sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>
#include <vector>

#include "base/error.hpp"

namespace modr {
namespace {

constexpr int64_t num_draws = 200000;

std::vector<Depth> draw(int64_t mean_recurrence, int64_t mean_backprop_depth) {
  std::vector<Depth> draws;
  for (int64_t step = 0; step < num_draws; ++step)
    draws.push_back(sample_depth(mean_recurrence, mean_backprop_depth, 7, step));
  return draws;
}

const std::vector<Depth>& huginn_draws() {
  static const std::vector<Depth> draws = draw(32, 8);
  return draws;
}

int64_t total(const Depth& depth) { return depth.num_steps_no_grad + depth.num_steps_with_grad; }

template <typename F>
double mean_of(const std::vector<Depth>& draws, F f) {
  double sum = 0;
  for (const Depth& depth : draws) sum += static_cast<double>(f(depth));
  return sum / static_cast<double>(draws.size());
}

// P(Poisson(exp(mu + z / 2)) <= limit), integrated over the standard normal z.
double poisson_lognormal_cdf(double mean, int limit) {
  const double mu = std::log(mean) - 0.125, width = 1e-3;
  double probability = 0;
  for (double z = -8; z < 8; z += width) {
    const double rate = std::exp(mu + 0.5 * z);
    double term = std::exp(-rate), below = term;
    for (int i = 1; i <= limit; ++i) below += term *= rate / i;
    probability += below * std::exp(-z * z / 2) * width / std::sqrt(2 * std::numbers::pi);
  }
  return probability;
}

// A binomial share of num_draws draws, within 4 standard errors.
void expect_share(double found, double expected) {
  EXPECT_NEAR(found, expected, 4 * std::sqrt(expected * (1 - expected) / num_draws));
}

TEST(DepthSampler, HasTheMomentsOfTheTheory) {
  for (const double mean : {8.0, 32.0}) {
    const std::vector<Depth> draws = draw(static_cast<int64_t>(mean), 8);
    const double variance = mean + mean * mean * (std::exp(0.25) - 1);
    const double found = mean_of(draws, total);
    EXPECT_NEAR(found, mean + 1, 4 * std::sqrt(variance / num_draws));
    const double found_variance = mean_of(draws, [&](const Depth& d) { return std::pow(total(d) - found, 2); });
    EXPECT_NEAR(found_variance / variance, 1, 0.05);
    expect_share(mean_of(draws, [](const Depth& d) { return d.num_steps_no_grad == 0; }),
                 poisson_lognormal_cdf(mean, 7));
    expect_share(mean_of(draws, [](const Depth& d) { return d.num_steps_with_grad < 8; }),
                 poisson_lognormal_cdf(mean, 6));
  }
}

TEST(DepthSampler, FillsTheStepsWithGradientFirst) {
  for (const Depth& depth : huginn_draws()) {
    ASSERT_GE(depth.num_steps_with_grad, 1);
    ASSERT_LE(depth.num_steps_with_grad, 8);
    ASSERT_GE(depth.num_steps_no_grad, 0);
    ASSERT_TRUE(depth.num_steps_no_grad == 0 || depth.num_steps_with_grad == 8);
  }
}

TEST(DepthSampler, IsAFunctionOfSeedAndStep) {
  int differing = 0;
  for (int64_t step = 0; step < 100; ++step) {
    EXPECT_EQ(total(sample_depth(32, 8, 7, step)), total(huginn_draws()[static_cast<std::size_t>(step)]));
    differing += total(sample_depth(32, 8, 8, step)) != total(huginn_draws()[static_cast<std::size_t>(step)]);
  }
  EXPECT_GT(differing, 80);
  EXPECT_NO_THROW(sample_depth(32, 8, ~uint64_t{0}, int64_t{1} << 60));
}

TEST(DepthSampler, AMeanBelowTheBackpropDepthIsRaisedToIt) {
  for (int64_t step = 0; step < 100; ++step)
    EXPECT_EQ(total(sample_depth(1, 8, 7, step)), total(sample_depth(8, 8, 7, step)));
  EXPECT_THROW(sample_depth(0, 8, 1, 0), Error);
  EXPECT_THROW(sample_depth(32, 0, 1, 0), Error);
}

class DepthSamplerReference : public testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path path = MODR_SHARED_DIR "/golden/sampler_stats.json";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no reference draws: " << path << " is absent";
    stats_ = nlohmann::json::parse(std::ifstream(path));
    ASSERT_EQ(stats_["mean_recurrence"], 32);
    ASSERT_EQ(stats_["mean_backprop_depth"], 8);
    ASSERT_EQ(stats_["draws"], num_draws);
  }

  double number(const char* name, const char* key) const { return stats_.at(name).at(key).get<double>(); }

  // Both are samples of num_draws: their difference has sqrt(2) times the standard error of one.
  template <typename F>
  void expect_like(const char* name, F f) const {
    EXPECT_NEAR(mean_of(huginn_draws(), f), number(name, "mean"), 4 * std::sqrt(2.0) * number(name, "sem"));
    std::vector<int64_t> sorted;
    for (const Depth& depth : huginn_draws()) sorted.push_back(f(depth));
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [quantile, share] : {std::pair{"p5", 0.05}, {"p25", 0.25}, {"p50", 0.5}, {"p75", 0.75},
                                          {"p95", 0.95}, {"p99", 0.99}}) {
      const auto found = static_cast<double>(sorted[static_cast<std::size_t>(share * (num_draws - 1))]);
      EXPECT_NEAR(found, number(name, quantile), 1) << name << " " << quantile;
    }
  }

  nlohmann::json stats_;
};

TEST_F(DepthSamplerReference, MeansAndQuantiles) {
  expect_like("n_no_grad", [](const Depth& depth) { return depth.num_steps_no_grad; });
  expect_like("k_grad", [](const Depth& depth) { return depth.num_steps_with_grad; });
  expect_like("total", total);
}

TEST_F(DepthSamplerReference, HistogramsPassAChiSquareTest) {
  const auto reference = stats_["n_hist_first_64"].get<std::vector<double>>();
  const std::size_t rest = reference.size();
  std::vector<double> ours(rest + 1, 0.0), theirs = reference;
  double in_bins = 0;
  for (double count : reference) in_bins += count;
  theirs.push_back(num_draws - in_bins);
  for (const Depth& depth : huginn_draws()) ++ours[std::min(static_cast<std::size_t>(depth.num_steps_no_grad), rest)];
  double chi_square = 0;
  for (std::size_t i = 0; i <= rest; ++i) chi_square += std::pow(ours[i] - theirs[i], 2) / (ours[i] + theirs[i]);
  RecordProperty("chi_square", std::to_string(chi_square));
  const auto freedom = static_cast<double>(rest);
  EXPECT_LT(chi_square, freedom + 4 * std::sqrt(2 * freedom));
}

TEST_F(DepthSamplerReference, SharesOfShallowSteps) {
  const double no_prefix = mean_of(huginn_draws(), [](const Depth& depth) { return depth.num_steps_no_grad == 0; });
  const double shallow = mean_of(huginn_draws(), [](const Depth& depth) { return depth.num_steps_with_grad < 8; });
  EXPECT_NEAR(no_prefix, stats_["frac_n_eq_0"].get<double>(), 4 * std::sqrt(2 * 0.014 / num_draws));
  EXPECT_NEAR(shallow, stats_["frac_k_lt_8"].get<double>(), 4 * std::sqrt(2 * 0.0086 / num_draws));
}

}  // namespace
}  // namespace modr
