#include "tools/bench/timing.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/error.hpp"

namespace modr::tools {
namespace {

TEST(BenchTiming, Median) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({7}), 7);
  EXPECT_THROW(median({}), Error);
}

// A machine that is slow for a while slows neighbours alike: their ratio stays.
TEST(BenchTiming, RatioOfNeighbours) {
  EXPECT_EQ(median_ratio({2, 20, 200}, {1, 10, 100}), 2);
  EXPECT_THROW(median_ratio({1, 2}, {1}), Error);
}

TEST(BenchTiming, CasesTakeTurnsInBothDirections) {
  std::string order;
  const std::vector<BenchCase> cases{[&] { order += 'a'; }, [&] { order += 'b'; }, [&] { order += 'c'; }};
  const BenchTimes times = time_in_turn(Communicator::self(), cases, {.repeats = 3, .sample_seconds = 0});
  EXPECT_EQ(order, "abcabcabccbaabc");  // two rounds that warm up, then three that count
  ASSERT_EQ(times.size(), 3u);
  for (const std::vector<double>& repeats : times) EXPECT_EQ(repeats.size(), 3u);
}

TEST(BenchTiming, ASampleIsAsManyCallsAsFillIt) {
  int calls = 0;
  const auto nap = [&] {
    ++calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  const BenchTimes times = time_in_turn(Communicator::self(), {nap}, {.repeats = 2, .sample_seconds = 0.01});
  EXPECT_LE(calls, 2 + 2 * 5);  // a nap may be longer than asked for, not shorter
  for (const double seconds : times[0]) EXPECT_GE(seconds, 0.002);
  calls = 0;
  time_in_turn(Communicator::self(), {[&] { ++calls; }}, {.repeats = 2, .sample_seconds = 1e6});
  EXPECT_EQ(calls, 2 + 2 * 1000) << "as many as are allowed";
}

TEST(BenchTiming, CallsOneByOne) {
  int calls = 0;
  EXPECT_EQ(time_calls(
                Communicator::self(), [&] { ++calls; }, 2, 3)
                .size(),
            3u);
  EXPECT_EQ(calls, 5);
}

}  // namespace
}  // namespace modr::tools
