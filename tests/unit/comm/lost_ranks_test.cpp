#include "comm/lost_ranks.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace modr {
namespace {

Tag collective(Operation operation, int64_t sequence, const char* group, Activity activity = {}) {
  Tag tag{.operation = operation, .group = static_cast<uint64_t>(group[0]), .sequence = sequence, .activity = activity};
  std::strncpy(tag.group_name, group, sizeof tag.group_name - 1);
  return tag;
}

const Tag gradients = collective(Operation::all_reduce, 41, "world", {.phase = "gradients", .step = 3});
const Tag save = collective(Operation::barrier, 40, "world", {.phase = "save", .step = 2});

KnownRank waiting(int rank, const Tag& tag, std::vector<int32_t> partners) {
  KnownRank known;
  known.report = RankReport{.rank = rank, .state = RankReport::State::waits, .tag = tag, .state_seconds = 10};
  known.answers = true;
  known.partners = std::move(partners);
  return known;
}

KnownRank working(int rank, const Activity& activity, const Tag& last = {}) {
  KnownRank known;
  known.report = RankReport{
      .rank = rank, .activity = activity, .activity_seconds = 12.34, .tag = last, .state_seconds = 20};
  return known;
}

TEST(LostRanks, ListsRanks) {
  EXPECT_EQ(rank_list({2}), "rank 2");
  EXPECT_EQ(rank_list({0, 1}), "ranks 0 and 1");
  EXPECT_EQ(rank_list({0, 2, 3}), "ranks 0, 2 and 3");
  EXPECT_EQ(rank_list({0, 1, 2, 5, 7, 8, 9, 10}), "ranks 0 to 2, 5 and 7 to 10");
}

TEST(LostRanks, DisagreementNamesWhoCallsWhat) {
  Tag reduce = collective(Operation::all_reduce, 812, "branch", {.phase = "gradients", .step = 5});
  reduce.unit = Unit::f32;
  reduce.count = 4096;
  const Tag exchange =
      collective(Operation::all_to_all_v, 812, "branch", {.phase = "dispatch", .step = 5, .recurrence = 3});
  EXPECT_EQ(disagreement_text({{0, exchange, {}}, {1, exchange, {}}, {2, reduce, {}}, {3, exchange, {}}}, {}),
            "ranks disagree in collective 812 of group 'branch': rank 2 calls all_reduce of 4096 f32 (gradients, step "
            "5), ranks 0, 1 and 3 call all_to_all_v (dispatch, step 5, recurrence 3)");
  EXPECT_EQ(disagreement_text({{4, reduce, {}}, {6, exchange, {}}}, {5, 7}),
            "ranks disagree in collective 812 of group 'branch': rank 4 calls all_reduce of 4096 f32 (gradients, step "
            "5), rank 6 calls all_to_all_v (dispatch, step 5, recurrence 3); ranks 5 and 7 did not tell in time");
}

TEST(LostRanks, DisagreementNamesThePairOfAnExchange) {
  const Tag exchange = collective(Operation::all_to_all_v, 3, "branch");
  const std::vector<Call> calls{{4, exchange, {0, 10, 0, 0, 20, 0}}, {6, exchange, {20, 0, 5, 10, 0, 0}},
                                {8, exchange, {0, 0, 0, 0, 6, 0}}};
  EXPECT_EQ(disagreement_text(calls, {}),
            "ranks disagree in collective 3 of group 'branch', all_to_all_v: rank 6 sends rank 8 5 bytes, which "
            "expects 6");
}

TEST(LostRanks, TimeoutNamesWhoDidNotComeAndWhatItDoes) {
  std::vector<KnownRank> ranks{waiting(0, gradients, {0, 1, 2, 3}), waiting(1, gradients, {0, 1, 2, 3}),
                               working(2, {.phase = "data", .step = 3}), waiting(3, gradients, {0, 1, 2, 3})};
  EXPECT_EQ(timeout_text(ranks, 10),
            "rank 2 did not come to collective 41, all_reduce (gradients, step 3), of group 'world', within 10 s: it "
            "is in phase data, step 3, since 12.3 s; ranks 0, 1 and 3 wait");
  ranks[2] = working(2, {}, save);
  EXPECT_NE(timeout_text(ranks, 10).find(": it works, 20.0 s after collective 40, barrier (save, step 2), of group"),
            std::string::npos);
  ranks[2] = working(2, {});
  EXPECT_NE(timeout_text(ranks, 10).find(": it has called nothing yet; "), std::string::npos);
}

TEST(LostRanks, TimeoutTellsOfAnnouncedWorkWhatWasCalledSince) {
  std::vector<KnownRank> ranks{waiting(0, gradients, {0, 1}), working(1, {.phase = "data", .step = 3}, save)};
  ranks[1].report->state_seconds = 5;
  EXPECT_EQ(timeout_text(ranks, 2.5),
            "rank 1 did not come to collective 41, all_reduce (gradients, step 3), of group 'world', within 2.5 s: it "
            "is in phase data, step 3, since 12.3 s (5.0 s after collective 40, barrier (save, step 2), of group "
            "'world'); rank 0 waits");
}

TEST(LostRanks, TimeoutTellsWhoStandsStillOrIsSilent) {
  std::vector<KnownRank> ranks{waiting(0, gradients, {0, 1, 2, 3}), waiting(1, save, {0, 1, 2, 3}), {}, {}};
  ranks[1].answers = false;
  ranks[2].last_common = save;
  ranks[2].last_common_seconds = 12.4;
  const std::string text = timeout_text(ranks, 10);
  EXPECT_TRUE(text.starts_with("ranks 1 to 3 did not come to collective 41, ")) << text;
  EXPECT_TRUE(text.ends_with("rank 1 stands still in collective 40, barrier (save, step 2), of group 'world', since "
                             "10.0 s, rank 2 is not heard of since collective 40, barrier (save, step 2), of group "
                             "'world', 12.4 s ago, rank 3 was never heard of; rank 0 waits"))
      << text;
}

TEST(LostRanks, TimeoutTellsOnceWhatSeveralDo) {
  std::vector<KnownRank> ranks{waiting(0, gradients, {0, 1, 2}), {}, {}};
  ranks[1].last_common = ranks[2].last_common = save;
  const std::string text = timeout_text(ranks, 10);
  EXPECT_NE(text.find(": each of ranks 1 and 2 is not heard of since collective 40, "), std::string::npos) << text;
}

// Rank 2 is busy in another group, rank 3 has called the collective and works on: neither keeps the others waiting.
TEST(LostRanks, TimeoutBlamesOnlyThoseWhoAreWaitedFor) {
  const std::vector<KnownRank> ranks{waiting(0, gradients, {0, 1, 3}), working(1, {.phase = "data"}),
                                     working(2, {.phase = "elsewhere"}), working(3, {.phase = "ahead"}, gradients)};
  const std::string text = timeout_text(ranks, 10);
  EXPECT_TRUE(text.starts_with("rank 1 did not come to")) << text;
  EXPECT_TRUE(text.ends_with("it is in phase data, since 12.3 s; rank 0 waits")) << text;
}

TEST(LostRanks, TimeoutFindsTheMissingRankBehindOthersThatWait) {
  const Tag receive{.operation = Operation::receive, .unit = Unit::bytes, .peer = 2, .count = 100, .label = 3,
                    .group_name = "stage"};
  const std::vector<KnownRank> ranks{waiting(0, gradients, {0, 1}), waiting(1, receive, {2}),
                                     working(2, {.phase = "coda", .step = 7})};
  EXPECT_EQ(timeout_text(ranks, 10),
            "rank 2 did not answer rank 1's receive of 100 bytes with label 3 from rank 2, of group 'stage', within 10 "
            "s: it is in phase coda, step 7, since 12.3 s; rank 1 waits; rank 0 waits in collective 41, all_reduce "
            "(gradients, step 3), of group 'world'");
}

TEST(LostRanks, TimeoutOfACircleTellsWhoWaitsForWhom) {
  const Tag inner = collective(Operation::barrier, 5, "inner"), outer = collective(Operation::barrier, 8, "outer");
  EXPECT_EQ(timeout_text({waiting(0, inner, {0, 1, 2}), waiting(1, outer, {0, 1}), waiting(2, inner, {0, 1, 2})}, 10),
            "ranks wait for each other since 10 s: ranks 0 and 2 in collective 5, barrier, of group 'inner', for rank "
            "1; rank 1 in collective 8, barrier, of group 'outer', for rank 0");
}

TEST(LostRanks, TimeoutStaysShortWithManyRanks) {
  std::vector<KnownRank> ranks;
  std::vector<int32_t> all(64);
  std::iota(all.begin(), all.end(), 0);
  for (int rank = 0; rank < 64; ++rank) {
    if (rank < 32) ranks.push_back(waiting(rank, gradients, all));
    else ranks.push_back(working(rank, {.phase = "data", .step = rank}));
  }
  const std::string text = timeout_text(ranks, 10);
  EXPECT_NE(text.find("rank 37 is in phase data, step 37, since 12.3 s, and others; ranks 0 to 31 wait"),
            std::string::npos) << text;
}

}  // namespace
}  // namespace modr
