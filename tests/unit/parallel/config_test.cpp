#include "parallel/config.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"

namespace modr {
namespace {

template <typename Change>
std::string error_with(Change change) {
  ParallelConfig config;
  change(config);
  try {
    config.validate();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ParallelConfig, DefaultsAndPipelinesAreValid) {
  EXPECT_EQ(error_with([](ParallelConfig&) {}), "no error");
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.stages = {1, 6, 1}; c.branch = 3; }), "no error");
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.branch = 5; c.merge_up_to = 0; }), "no error");
}

TEST(ParallelConfig, MistakesNameTheField) {
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.data = -1; }),
            "parallel.data: expected a number from 0 to 1048576, found -1");
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.branch = int64_t{1} << 40; }),
            "parallel.branch: expected a number from 0 to 1048576, found 1099511627776");
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.stages = {0, 2, 1}; }),
            "parallel.stages.prelude: expected at least 1 where the other stages have ranks, found 0");
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.stages = {1, -2, 1}; }),
            "parallel.stages.recurrence: expected a number from 0 to 1048576, found -2");
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.stages = {1, 3, 0}; }),
            "parallel.stages.coda: expected at least 1 where the other stages have ranks, found 0");
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.stages = {1, 3, 1}; c.branch = 2; }),
            "parallel.branch: expected a divisor of parallel.stages.recurrence (3), found 2");
  EXPECT_EQ(error_with([](ParallelConfig& c) { c.merge_up_to = -1; }),
            "parallel.merge_up_to: expected 0 or more, found -1");
  for (const double seconds : {0.0, -1.0, std::nan(""), HUGE_VAL})
    EXPECT_EQ(error_with([&](ParallelConfig& c) { c.timeout_s = seconds; }),
              fmt::format("parallel.timeout_s: expected a positive number of seconds, found {}", seconds));
}

}  // namespace
}  // namespace modr
