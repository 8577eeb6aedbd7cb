#include "train/time_limit.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "support/expect_error.hpp"

namespace modr {
namespace {

constexpr Deadline noon{std::chrono::seconds(1'700'000'000)};

std::optional<Deadline> deadline_with(std::optional<double> option,
                                      const std::map<std::string, std::string>& variables) {
  return find_deadline(
      option,
      [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      },
      noon);
}

TEST(ParseDuration, TakesSecondsMinutesAndHours) {
  EXPECT_EQ(parse_duration("3600s"), 3600);
  EXPECT_EQ(parse_duration("90m"), 5400);
  EXPECT_EQ(parse_duration("2h"), 7200);
  EXPECT_EQ(parse_duration("0.5m"), 30);
  for (const char* wrong :
       {"", "h", "2", "2d", "-1s", "0s", "2 h", "h2", "1h30m", "nans", "infh", "1e9h", " 2h", "2hh"})
    expect_error([&] { parse_duration(wrong); }, {"such as 3600s, 90m or 2h", fmt::format("found '{}'", wrong)});
}

TEST(FindDeadline, TheOptionComesBeforeSlurm) {
  EXPECT_EQ(deadline_with(90, {{"SLURM_JOB_END_TIME", "1700000010"}}), noon + std::chrono::seconds(90));
  EXPECT_EQ(deadline_with({}, {{"SLURM_JOB_END_TIME", "1700000010"}}), noon + std::chrono::seconds(10));
  EXPECT_EQ(deadline_with({}, {}), std::nullopt);
  for (const char* none : {"", "0", "-5", "soon", "1700000010 ", "99999999999999", "4294967294000"})
    EXPECT_EQ(deadline_with({}, {{"SLURM_JOB_END_TIME", none}}), std::nullopt) << none;
}

TEST(TimeLimit, WithoutADeadlineItIsNeverNear) {
  const TimeLimit limit({}, 60, 1e6);
  EXPECT_FALSE(limit.is_set());
  EXPECT_FALSE(limit.is_near(noon));
}

TEST(TimeLimit, KeepsTimeForTwoStepsTwoSavesAndTheMargin) {
  TimeLimit limit(noon + std::chrono::seconds(100), 5, 7);
  EXPECT_DOUBLE_EQ(limit.left_s(noon), 100);
  EXPECT_DOUBLE_EQ(limit.reserve_s(), 5 + 2 * 7);
  limit.step_took(3);
  limit.step_took(1);
  EXPECT_DOUBLE_EQ(limit.reserve_s(), 5 + 2 * 7 + 2 * 3);
  limit.save_took(10);
  EXPECT_DOUBLE_EQ(limit.reserve_s(), 5 + 2 * 10 + 2 * 3);
  EXPECT_FALSE(limit.is_near(noon + std::chrono::seconds(69)));
  EXPECT_TRUE(limit.is_near(noon + std::chrono::seconds(70)));
  EXPECT_TRUE(limit.is_near(noon + std::chrono::seconds(500)));
  for (int i = 0; i < 15; ++i) limit.step_took(1);
  EXPECT_DOUBLE_EQ(limit.reserve_s(), 5 + 2 * 10 + 2 * 1) << "of long ago";
}

}  // namespace
}  // namespace modr
