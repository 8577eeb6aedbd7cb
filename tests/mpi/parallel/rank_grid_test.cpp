// Every grid of as many ranks as run: the groups against the rule that says who is in them.
#include "parallel/rank_grid.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

using Member = bool (*)(const GridPlace& me, const GridPlace& other);

// The world's ranks for which `member` holds, one bit each, from the grid's rule alone.
int64_t expected_ranks(const GridShape& shape, Member member) {
  const GridPlace me = place_of(shape, mpi_world().rank());
  int64_t ranks = 0;
  for (int64_t rank = 0; rank < shape.num_ranks(); ++rank)
    if (member(me, place_of(shape, rank))) ranks |= int64_t{1} << rank;
  return ranks;
}

// The world's ranks that really are in the group.
int64_t ranks_of(const Communicator& group) { return group.all_reduced(int64_t{1} << mpi_world().rank()); }

struct Home {
  ParameterHome home;
  Member member;  // (me, other); I hold it when I am a member myself
};
const Home homes[] = {
    {ParameterHome::prelude, [](auto&, const GridPlace& other) { return other.runs(Stage::prelude); }},
    {ParameterHome::embedding,
     [](auto&, const GridPlace& other) { return other.runs(Stage::prelude) || other.runs(Stage::coda); }},
    {ParameterHome::core, [](auto&, const GridPlace& other) { return other.runs(Stage::recurrence); }},
    {ParameterHome::branch,
     [](const GridPlace& me, const GridPlace& other) {
       return other.runs(Stage::recurrence) && me.branch_idx == other.branch_idx;
     }},
    {ParameterHome::coda, [](auto&, const GridPlace& other) { return other.runs(Stage::coda); }},
};

void check_grid(const GridShape& shape) {
  SCOPED_TRACE(shape.describe());
  const RankGrid grid(mpi_world(), shape);
  const GridPlace& place = grid.place();
  EXPECT_EQ(ranks_of(grid.replica()), expected_ranks(shape, [](const GridPlace& me, const GridPlace& other) {
              return me.data_idx == other.data_idx;
            }));
  EXPECT_EQ(grid.replica().rank(), place.replica_rank);
  if (place.runs(Stage::recurrence)) {
    EXPECT_EQ(ranks_of(grid.branch()), expected_ranks(shape, [](const GridPlace& me, const GridPlace& other) {
                return me.data_idx == other.data_idx && me.branch_group == other.branch_group;
              }));
    EXPECT_EQ(grid.branch().rank(), place.branch_idx);
  } else {
    EXPECT_EQ(grid.branch().size(), 1);
  }
  for (const Home& home : homes) {
    EXPECT_EQ(grid.holds(home.home), home.member(place, place));
    if (grid.holds(home.home)) {
      EXPECT_EQ(ranks_of(grid.group(home.home)), expected_ranks(shape, home.member));
    } else {
      EXPECT_THROW(grid.group(home.home), Error);
    }
  }
  const int64_t n_branches = shape.branch + 1;  // all of them in each branch group
  const int64_t owned = mpi_world().all_reduced(grid.branches(n_branches).count());
  const int64_t per_replica = shape.stages.is_pipeline() ? shape.stages.recurrence : shape.branch;
  EXPECT_EQ(owned, n_branches * shape.data * per_replica / shape.branch);
}

TEST(RankGrid, GroupsWithoutAPipeline) {
  const int64_t size = mpi_world().size();
  for (int64_t branch = 1; branch <= size; ++branch)
    if (size % branch == 0) check_grid({size / branch, {}, branch});
}

TEST(RankGrid, GroupsOfPipelines) {
  const int64_t size = mpi_world().size();
  if (size < 3) GTEST_SKIP() << "fewer ranks than stages";
  for (int64_t data = 1; data <= size; ++data) {
    if (size % data != 0) continue;
    const int64_t ranks = size / data;
    for (int64_t prelude = 1; prelude <= ranks - 2; ++prelude)
      for (int64_t recurrence = 1; recurrence <= ranks - prelude - 1; ++recurrence)
        for (int64_t branch = 1; branch <= recurrence; ++branch)
          if (recurrence % branch == 0) check_grid({data, {prelude, recurrence, ranks - prelude - recurrence}, branch});
  }
}

}  // namespace
}  // namespace modr
