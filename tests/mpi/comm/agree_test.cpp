#include "comm/agree.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

int last_rank() { return mpi_world().size() - 1; }

// What the calls throw is the same everywhere; in a group of one without the rank.
std::string expected_text(int rank, const std::string& text) {
  return mpi_world().size() > 1 ? fmt::format("rank {}: {}", rank, text) : text;
}

// The message that `call` throws; fails when it throws nothing.
template <typename Exception, typename F>
std::string thrown_by(F&& call) {
  try {
    call();
  } catch (const Exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(Agree, NothingHappensWhenAllAreWell) {
  EXPECT_NO_THROW(agree_ok(mpi_world(), ""));
  bool ran = false;
  EXPECT_NO_THROW(run_agreed(mpi_world(), [&] { ran = true; }));
  EXPECT_TRUE(ran);
}

TEST(Agree, OneRanksFailureIsThrownOnAll) {
  for (int bad = 0; bad < mpi_world().size(); ++bad) {
    const std::string mine = mpi_world().rank() == bad ? "loss is nan at step 3" : "";
    EXPECT_EQ(thrown_by<Error>([&] { agree_ok(mpi_world(), mine); }), expected_text(bad, "loss is nan at step 3"));
  }
}

TEST(Agree, TheFirstOfSeveralFailuresIsNamed) {
  const int first = std::min(1, last_rank());
  const std::string mine = mpi_world().rank() >= first ? fmt::format("bad {}", mpi_world().rank()) : "";
  EXPECT_EQ(thrown_by<Error>([&] { agree_ok(mpi_world(), mine); }),
            expected_text(first, fmt::format("bad {}", first)));
}

TEST(Agree, WorkThatThrowsOnOneRankThrowsOnAllWithItsKind) {
  const auto on_last_rank = [](const auto& error) {
    return [error] {
      if (mpi_world().rank() == last_rank()) throw error;
    };
  };
  const std::string unknown_key = "run.yaml:3: unknown key";
  EXPECT_EQ(thrown_by<UsageError>([&] { run_agreed(mpi_world(), on_last_rank(UsageError(unknown_key))); }),
            expected_text(last_rank(), unknown_key));
  const auto failing = on_last_rank(std::runtime_error("no memory"));
  EXPECT_THROW(run_agreed(mpi_world(), failing), Error);
  try {
    run_agreed(mpi_world(), failing);
  } catch (const UsageError&) {
    ADD_FAILURE() << "not a usage error";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), expected_text(last_rank(), "no memory"));
  }
}

}  // namespace
}  // namespace modr
