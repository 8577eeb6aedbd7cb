#include "dataset/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"

namespace modr {
namespace {

TEST(EpochPermutation, HoldsEverySampleOnceAndChangesWithSeedAndEpoch) {
  const auto order = epoch_permutation(1000, 3, 0);
  EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), 1000u);
  EXPECT_EQ(*std::max_element(order.begin(), order.end()), 999);
  EXPECT_EQ(order, epoch_permutation(1000, 3, 0));
  EXPECT_NE(order, epoch_permutation(1000, 3, 1));
  EXPECT_NE(order, epoch_permutation(1000, 4, 0));
}

// A uniform shuffle puts each of 4 items in each place equally often: chi-squared with 9 degrees of freedom stays
// below 27.9 with probability 0.999.
TEST(EpochPermutation, IsUniform) {
  constexpr int trials = 4000;
  double counts[4][4] = {};
  for (int epoch = 0; epoch < trials; ++epoch) {
    const auto order = epoch_permutation(4, 1, epoch);
    for (std::size_t place = 0; place < 4; ++place) ++counts[place][order[place]];
  }
  double chi_squared = 0;
  for (const auto& row : counts)
    for (double count : row) chi_squared += (count - trials / 4.0) * (count - trials / 4.0) / (trials / 4.0);
  EXPECT_LT(chi_squared, 27.9);
}

TEST(EpochSampler, EachEpochSeesEverySampleOnceAcrossBatchBorders) {
  EpochSampler sampler(10, 4, 7);
  std::vector<int64_t> seen;
  for (int64_t step = 0; step < 5; ++step)
    for (const SampleRef& sample : sampler.global_batch(step)) {
      EXPECT_EQ(sample.number, static_cast<int64_t>(seen.size()));
      seen.push_back(sample.index);
    }
  ASSERT_EQ(seen.size(), 20u);
  EXPECT_EQ(std::set<int64_t>(seen.begin(), seen.begin() + 10).size(), 10u);
  EXPECT_EQ(std::set<int64_t>(seen.begin() + 10, seen.end()).size(), 10u);
}

TEST(EpochSampler, AnyStepCanBeAskedForFirst) {
  EpochSampler forward(10, 4, 7), jumping(10, 4, 7);
  for (int64_t step = 0; step < 8; ++step) forward.global_batch(step);
  const auto late = jumping.global_batch(7);
  EXPECT_EQ(late, forward.global_batch(7));
  EXPECT_EQ(jumping.global_batch(1), forward.global_batch(1));
  EXPECT_EQ(jumping.samples(jumping.cursor(7), 4), late);
}

TEST(EpochSampler, BatchLargerThanTheDataSet) {
  EpochSampler sampler(3, 8, 1);
  const auto batch = sampler.global_batch(0);
  ASSERT_EQ(batch.size(), 8u);
  int64_t times[3] = {};
  for (const SampleRef& sample : batch) ++times[sample.index];
  for (int64_t count : times) EXPECT_TRUE(count == 2 || count == 3) << count;
}

TEST(EpochSampler, RefusesEmptySizes) {
  EXPECT_THROW(EpochSampler(0, 4, 1), Error);
  EXPECT_THROW(EpochSampler(4, 0, 1), Error);
}

}  // namespace
}  // namespace modr
