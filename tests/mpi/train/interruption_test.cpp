// A signal to one rank, or one rank's clock, stops all ranks after the same step.
#include "train/interruption.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "support/mpi_world.hpp"

namespace modr {
namespace {

std::string on_rank(const std::string& what, int rank) {
  return mpi_world().size() == 1 ? what : fmt::format("{} on rank {}", what, rank);
}

TEST(Interruption, ASignalToOneRankStopsAllOfThem) {
  for (int rank = 0; rank < mpi_world().size(); ++rank) {
    Interruption interruption(mpi_world(), TimeLimit({}, 0, 0));
    EXPECT_EQ(interruption.reason_to_stop(1), std::nullopt);
    if (mpi_world().rank() == rank) raise(SIGUSR1);
    EXPECT_EQ(interruption.reason_to_stop(1), on_rank("interrupted by SIGUSR1", rank));
  }
}

TEST(Interruption, OfSeveralSignalsOneIsNamedByAll) {
  Interruption everywhere(mpi_world(), TimeLimit({}, 0, 0));
  raise(SIGTERM);
  EXPECT_EQ(everywhere.reason_to_stop(1), on_rank("interrupted by SIGTERM", 0));
  const int last = mpi_world().size() - 1;
  Interruption different(mpi_world(), TimeLimit({}, 0, 0));
  raise(mpi_world().rank() == last ? SIGTERM : SIGUSR1);
  EXPECT_EQ(different.reason_to_stop(1), on_rank("interrupted by SIGTERM", last));
}

TEST(Interruption, TheTimeLimitIsRankZeros) {
  const Deadline past = Deadline::clock::now() - std::chrono::seconds(1);
  const auto limit_on = [&](bool here) { return TimeLimit(here ? std::optional(past) : std::nullopt, 0, 0); };
  Interruption roots(mpi_world(), limit_on(mpi_world().is_root()));
  EXPECT_EQ(roots.reason_to_stop(1), "the time limit is near");
  Interruption others(mpi_world(), limit_on(!mpi_world().is_root()));
  EXPECT_EQ(others.reason_to_stop(1), std::nullopt);
}

}  // namespace
}  // namespace modr
