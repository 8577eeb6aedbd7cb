#include "eval/work_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace modr {
namespace {

TEST(WorkPlan, HasEveryProblemOnceWithEveryDepthAndLikeLengthsTogether) {
  const std::vector<TaskSize> tasks = {{{5, 1, 9, 1, 7}, 10}, {{3, 3}, 0}, {{}, 4}};
  const auto pieces = plan_work(tasks, std::vector<int64_t>{1, 8}, 2);
  std::map<std::tuple<std::size_t, int64_t, int64_t>, int> seen;
  for (const WorkPiece& piece : pieces)
    for (int64_t item : piece.items) ++seen[{piece.task, piece.num_steps, item}];
  EXPECT_EQ(seen.size(), 14u);
  EXPECT_TRUE(std::ranges::all_of(seen, [](const auto& entry) { return entry.second == 1; }));
  EXPECT_TRUE(std::ranges::is_sorted(pieces, std::ranges::greater{}, &WorkPiece::cost));
  const auto first = std::ranges::find_if(pieces, [](const WorkPiece& p) { return p.task == 0 && p.num_steps == 8; });
  ASSERT_NE(first, pieces.end());
  EXPECT_EQ(first->items, (std::vector<int64_t>{0, 4}));  // lengths 5 and 7
  EXPECT_EQ(first->cost, 2 * (7 + 10) * 8);
}

}  // namespace
}  // namespace modr
