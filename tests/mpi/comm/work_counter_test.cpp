#include "comm/work_counter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "support/mpi_world.hpp"
#include "support/shared_folder.hpp"
#include "support/wait_for_file.hpp"

namespace modr {
namespace {

// Draws until the numbers reach `limit`, and checks that over all ranks each number came once.
void expect_each_once(const Communicator& comm, WorkCounter& counter, int64_t limit) {
  std::vector<int64_t> times_drawn(static_cast<std::size_t>(limit + comm.size()));
  int64_t previous = -1;
  for (int64_t drawn = 0; drawn < limit; previous = drawn) {
    drawn = counter.next();
    ASSERT_GT(drawn, previous);
    ++times_drawn.at(static_cast<std::size_t>(drawn));
  }
  comm.all_reduce(times_drawn);
  EXPECT_TRUE(std::ranges::all_of(times_drawn, [](int64_t times) { return times == 1; }));
}

TEST(WorkCounter, GivesEachNumberOnceOverAllRanks) {
  WorkCounter counter(mpi_world());
  expect_each_once(mpi_world(), counter, 5000);
  counter.close();
}

TEST(WorkCounter, CountersAreIndependentAndStartAtZero) {
  WorkCounter first(mpi_world()), second(mpi_world());
  expect_each_once(mpi_world(), first, 100);
  expect_each_once(mpi_world(), second, 50);
  first.close();
  second.close();
  for (int round = 0; round < 20; ++round) {
    WorkCounter again(mpi_world());
    expect_each_once(mpi_world(), again, 3);
    again.close();
  }
}

TEST(WorkCounter, GroupsCountForThemselves) {
  const Communicator group = mpi_world().split(mpi_world().rank() % 2, 0);
  for (int round = 0; round < 10; ++round) {  // both groups' windows come and go at about the same time
    WorkCounter counter(group);
    expect_each_once(group, counter, 100);
    counter.close();
  }
}

// The first rank stays outside MPI, as during a long computation, until all the others have drawn all there is.
TEST(WorkCounter, OthersDrawWhileTheFirstRankComputes) {
  if (mpi_world().size() == 1) GTEST_SKIP() << "nobody else draws";
  constexpr int64_t limit = 100;
  const SharedFolder folder;
  const auto file_of = [&](int rank) { return folder.path() / fmt::format("rank_{}_is_done", rank); };
  WorkCounter counter(mpi_world());
  if (mpi_world().is_root()) {
    for (int rank = 1; rank < mpi_world().size(); ++rank)
      EXPECT_TRUE(wait_for_file(file_of(rank))) << "rank " << rank << " does not get on without rank 0";
    EXPECT_GE(counter.next(), limit);
  } else {
    while (counter.next() < limit) {
    }
    make_file(file_of(mpi_world().rank()));
  }
  counter.close();
}

TEST(WorkCounter, ManyAreTakenAtOnce) {
  WorkCounter counter(mpi_world());
  constexpr int64_t many = 1000;
  const std::vector<int64_t> drawn = mpi_world().all_gather(counter.next(many));
  for (const int64_t number : drawn) {
    EXPECT_EQ(number % many, 0);
    EXPECT_EQ(std::ranges::count(drawn, number), 1);
    EXPECT_LT(number, many * mpi_world().size());
  }
  counter.close();
}

TEST(WorkCounter, IsNotUsedAfterClose) {
  WorkCounter counter(mpi_world());
  counter.close();
  EXPECT_THROW(counter.next(), Error);
  EXPECT_THROW(counter.close(), Error);
}

}  // namespace
}  // namespace modr
