#include "comm/work_counter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>

#include "base/error.hpp"
#include "support/mpi_world.hpp"

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

TEST(WorkCounter, OthersDrawWhileTheFirstRankComputes) {
  constexpr int64_t limit = 100;
  WorkCounter counter(mpi_world());
  if (mpi_world().is_root()) {
    std::this_thread::sleep_for(std::chrono::seconds(1));  // outside MPI, as during a long computation
    const int64_t expected = mpi_world().size() > 1 ? limit : 0;
    EXPECT_GE(counter.next(), expected);  // the others had all the work
  } else {
    while (counter.next() < limit) {
    }
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
