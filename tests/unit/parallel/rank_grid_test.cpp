#include "parallel/rank_grid.hpp"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "base/error.hpp"

namespace modr {
namespace {

ParallelConfig config_of(int64_t data, StageRanks stages, int64_t branch, Placement placement = Placement::exchange) {
  ParallelConfig config;
  config.data = data;
  config.stages = stages;
  config.branch = branch;
  config.placement = placement;
  return config;
}

std::string resolved(const ParallelConfig& config, int64_t n_branches, int64_t num_ranks) {
  try {
    return resolve_grid(config, n_branches, num_ranks).describe();
  } catch (const UsageError& error) {
    return error.what();
  }
}

TEST(ResolveGrid, WhatIsLeftOpenIsChosen) {
  const StageRanks none, pipe{1, 4, 1};
  EXPECT_EQ(resolved(ParallelConfig{}, 4, 6), "data 6 x branch 1: 6 ranks");
  EXPECT_EQ(resolved(config_of(0, none, 0), 4, 6), "data 2 x branch 3: 6 ranks") << "4 does not divide 6";
  EXPECT_EQ(resolved(config_of(0, none, 0), 4, 8), "data 2 x branch 4: 8 ranks");
  EXPECT_EQ(resolved(config_of(0, none, 0, Placement::automatic), 16, 8), "data 1 x branch 8: 8 ranks");
  EXPECT_EQ(resolved(config_of(0, none, 0), 0, 3), "data 3 x branch 1: 3 ranks");
  EXPECT_EQ(resolved(config_of(2, none, 0), 4, 6), "data 2 x branch 3: 6 ranks");
  EXPECT_EQ(resolved(config_of(0, none, 5), 4, 5), "data 1 x branch 5: 5 ranks") << "more ranks than branches";
  EXPECT_EQ(resolved(config_of(0, none, 2, Placement::replicate), 4, 4), "data 2 x branch 2: 4 ranks");
  EXPECT_EQ(resolved(config_of(0, pipe, 0), 3, 12), "data 2 x stages 1+4+1, branch 2: 12 ranks");
  EXPECT_EQ(resolved(config_of(0, pipe, 0, Placement::replicate), 3, 6), "data 1 x stages 1+4+1, branch 1: 6 ranks");
  EXPECT_EQ(resolved(config_of(2, {1, 2, 1}, 2), 4, 8), "data 2 x stages 1+2+1, branch 2: 8 ranks");
}

TEST(ResolveGrid, AGridThatDoesNotFitSaysWhatWould) {
  EXPECT_EQ(resolved(config_of(2, {1, 2, 1}, 1), 4, 6),
            "parallel: data 2 x (prelude 1 + recurrence 2 + coda 1) needs 8 ranks, this job has 6: start 8, or 4 with "
            "parallel.data: 1");
  EXPECT_EQ(resolved(config_of(2, {1, 2, 1}, 1), 4, 12),
            "parallel: data 2 x (prelude 1 + recurrence 2 + coda 1) needs 8 ranks, this job has 12: start 8, or set "
            "parallel.data: 3");
  EXPECT_EQ(resolved(config_of(2, {1, 2, 1}, 1), 4, 3),
            "parallel: data 2 x (prelude 1 + recurrence 2 + coda 1) needs 8 ranks, this job has 3: start 8");
  EXPECT_EQ(resolved(config_of(2, {1, 2, 1}, 1), 4, 9),
            "parallel: data 2 x (prelude 1 + recurrence 2 + coda 1) needs 8 ranks, this job has 9: start 8");
  EXPECT_EQ(resolved(config_of(0, {1, 2, 1}, 0), 4, 6),
            "parallel: (prelude 1 + recurrence 2 + coda 1) needs a multiple of 4 ranks, this job has 6: start 4 or 8");
  EXPECT_EQ(resolved(config_of(0, {1, 2, 1}, 0), 4, 2),
            "parallel: (prelude 1 + recurrence 2 + coda 1) needs a multiple of 4 ranks, this job has 2: start 4");
  EXPECT_EQ(resolved(config_of(0, {}, 4), 4, 6),
            "parallel: branch 4 needs a multiple of 4 ranks, this job has 6: start 4 or 8");
  EXPECT_EQ(resolved(config_of(3, {}, 0, Placement::replicate), 4, 4),
            "parallel: data 3 x branch 1 needs 3 ranks, this job has 4: start 3, or set parallel.data: 4");
  EXPECT_EQ(resolved(config_of(2, {}, 0), 3, 8), "parallel: data 2 x branch 3 needs 6 ranks, this job has 8: start 6");
  EXPECT_THROW(resolve_grid(config_of(1, {1, 3, 1}, 2), 4, 5), Error) << "as the config's own check";
}

// Whatever is resolved has the ranks of the job, keeps what was asked for, and 0 lets every job start.
TEST(ResolveGrid, FitsForEveryNumberOfRanks) {
  for (int64_t ranks = 1; ranks <= 24; ++ranks)
    for (int64_t n_branches = 0; n_branches <= 6; ++n_branches) {
      const GridShape shape = resolve_grid(config_of(0, {}, 0), n_branches, ranks);
      EXPECT_EQ(shape.num_ranks(), ranks);
      EXPECT_LE(shape.branch, std::max<int64_t>(n_branches, 1));
      for (int64_t more = shape.branch + 1; more <= n_branches; ++more) EXPECT_NE(ranks % more, 0) << ranks;
    }
}

TEST(PlaceOf, ReplicasThenStagesThenBranchGroups) {
  const GridShape shape = resolve_grid(config_of(2, {1, 4, 2}, 2), 2, 14);
  using Row = std::tuple<int64_t, Stage, int64_t, int64_t, int64_t>;
  const std::vector<Row> replica{{0, Stage::prelude, 0, -1, -1},  {1, Stage::recurrence, 0, 0, 0},
                                 {2, Stage::recurrence, 1, 1, 0}, {3, Stage::recurrence, 2, 0, 1},
                                 {4, Stage::recurrence, 3, 1, 1}, {5, Stage::coda, 0, -1, -1},
                                 {6, Stage::coda, 1, -1, -1}};
  for (int64_t rank = 0; rank < 14; ++rank) {
    const GridPlace place = place_of(shape, rank);
    EXPECT_EQ(place.data_idx, rank / 7);
    EXPECT_EQ(Row(place.replica_rank, place.stage, place.stage_idx, place.branch_idx, place.branch_group),
              replica[static_cast<std::size_t>(rank % 7)])
        << rank;
  }
  EXPECT_THROW(place_of(shape, 14), Error);
  EXPECT_THROW(place_of(shape, -1), Error);
}

TEST(PlaceOf, WithoutAPipelineAReplicaIsABranchGroup) {
  const GridShape shape = resolve_grid(config_of(2, {}, 3), 4, 6);
  for (int64_t rank = 0; rank < 6; ++rank) {
    const GridPlace place = place_of(shape, rank);
    EXPECT_EQ(place.data_idx, rank / 3);
    EXPECT_EQ(place.branch_idx, rank % 3);
    EXPECT_EQ(place.branch_group, 0);
    for (const Stage stage : {Stage::prelude, Stage::recurrence, Stage::coda}) EXPECT_TRUE(place.runs(stage));
  }
}

TEST(RankGrid, AProcessAloneHoldsEverything) {
  const RankGrid grid(Communicator::self(), GridShape{});
  for (const auto home : {ParameterHome::prelude, ParameterHome::embedding, ParameterHome::core, ParameterHome::branch,
                          ParameterHome::coda})
    EXPECT_EQ(grid.group(home).size(), 1);
  EXPECT_EQ(grid.replica().size(), 1);
  EXPECT_EQ(grid.branch().size(), 1);
  EXPECT_EQ(grid.branches(4), (Slice{0, 4}));
  EXPECT_THROW(RankGrid(Communicator::self(), GridShape{2, {}, 1}), Error);
}

}  // namespace
}  // namespace modr
