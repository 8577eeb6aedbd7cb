#include "base/philox.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace modr {
namespace {

// Known answers published with Random123 (kat_vectors, philox4x32-10).
TEST(Philox, MatchesPublishedVectors) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (std::array<uint32_t, 4>{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  EXPECT_EQ(philox({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}),
            (std::array<uint32_t, 4>{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Philox, StreamsAndCountersAreIndependent) {
  PhiloxSequence a(1, RandomStream::init, 5), same(1, RandomStream::init, 5), other(1, RandomStream::depth, 5),
      next(1, RandomStream::init, 6);
  const uint32_t first = a.next_u32();
  EXPECT_EQ(first, same.next_u32());
  EXPECT_NE(first, other.next_u32());
  EXPECT_NE(first, next.next_u32());
}

TEST(Philox, NormalHasUnitMomentsAndTruncationHolds) {
  PhiloxSequence rng(7, RandomStream::init);
  double sum = 0, squares = 0;
  constexpr int count = 200000;
  for (int i = 0; i < count; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 1, 0.02);
  for (int i = 0; i < 10000; ++i) EXPECT_LE(std::abs(rng.truncated_normal(1.5)), 1.5);
}

TEST(Philox, PoissonHasItsMeanAndVarianceOnBothMethods) {
  for (double mean : {0.5, 8.0, 29.0, 31.0, 200.0}) {
    PhiloxSequence rng(11, RandomStream::depth);
    double sum = 0, squares = 0;
    constexpr int count = 100000;
    for (int i = 0; i < count; ++i) {
      const auto x = static_cast<double>(rng.poisson(mean));
      sum += x;
      squares += x * x;
    }
    const double average = sum / count;
    EXPECT_NEAR(average, mean, 5 * std::sqrt(mean / count));
    EXPECT_NEAR(squares / count - average * average, mean, 0.05 * mean);
  }
}

TEST(Philox, BelowStaysInRange) {
  PhiloxSequence rng(3, RandomStream::shuffle);
  int seen[5] = {};
  for (int i = 0; i < 5000; ++i) ++seen[rng.below(5)];
  for (int count : seen) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace modr
