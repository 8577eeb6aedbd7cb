#include "eval/rank_pool.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/mpi_world.hpp"
#include "support/shared_folder.hpp"
#include "support/wait_for_file.hpp"

namespace modr {
namespace {

TEST(RankPool, DoesEveryPieceOnceAndReturnsThemInOrder) {
  for (int64_t count : {0, 1, 3, 500}) {
    int64_t done = 0, started = 0;
    const auto results = run_pool(
        mpi_world(), count,
        [&](int64_t piece) {
          ++done;
          return std::string(static_cast<std::size_t>(piece % 5), 'x') + std::to_string(piece);
        },
        [&](int64_t) { ++started; });
    EXPECT_EQ(started, done);
    EXPECT_EQ(mpi_world().all_reduced(done), count);
    if (!mpi_world().is_root()) {
      EXPECT_TRUE(results.empty());
      continue;
    }
    ASSERT_EQ(std::ssize(results), count);
    for (int64_t piece = 0; piece < count; ++piece)
      EXPECT_EQ(results[static_cast<std::size_t>(piece)],
                std::string(static_cast<std::size_t>(piece % 5), 'x') + std::to_string(piece));
  }
}

// The root's first piece lasts until the others have done all the rest: no call of MPI by the root helps them.
TEST(RankPool, TheOthersGetOnWhileTheRootIsAtALongPiece) {
  if (mpi_world().size() == 1) GTEST_SKIP() << "there are no others";
  constexpr int64_t count = 50;
  const SharedFolder folder;
  const auto file_of = [&](int64_t piece) { return folder.path() / std::to_string(piece); };
  int64_t done = 0;
  const auto work = [&](int64_t piece) {
    if (mpi_world().is_root()) {
      make_file(folder.path() / "root");
      for (int64_t other = 0; other < count; ++other)
        if (other != piece && !wait_for_file(file_of(other))) fail("piece {} is not done while the root works", other);
    } else if (!wait_for_file(folder.path() / "root")) {
      fail("the root got no piece");
    }
    make_file(file_of(piece));
    ++done;
    return std::string();
  };
  run_pool(mpi_world(), count, work);
  EXPECT_TRUE(done == 1 || !mpi_world().is_root()) << done << " pieces";
  EXPECT_EQ(mpi_world().all_reduced(done), count);
}

// The others do the piece they have in hand, which here lasts until the rank that failed has left its loop, and no other.
TEST(RankPool, AFailureStopsAllRanksAfterThePieceTheyAreAt) {
  constexpr int64_t count = int64_t{1} << 40;  // more than a rank could draw one by one
  const SharedFolder folder;
  const auto left = folder.path() / "left";
  int64_t done = 0;
  std::string message;
  const auto work = [&](int64_t piece) {
    if (piece == 10) fail("piece {} is broken", piece);
    if (piece > 10 && !wait_for_file(left)) ADD_FAILURE() << "no rank left its loop";
    ++done;
    return std::string();
  };
  const auto on_end = [&](const std::exception_ptr& failure) {
    if (failure) make_file(left);
  };
  try {
    run_pool(mpi_world(), count, work, {}, on_end);
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_NE(message.find("piece 10 is broken"), std::string::npos) << message;
  EXPECT_EQ(message.starts_with("rank "), mpi_world().size() > 1) << message;
  EXPECT_GE(mpi_world().all_reduced(done), 10);
  EXPECT_LE(mpi_world().all_reduced(done), 10 + mpi_world().size() - 1);
  const auto again = run_pool(mpi_world(), 4, [](int64_t piece) { return std::to_string(piece); });
  EXPECT_EQ(again.size(), mpi_world().is_root() ? 4u : 0u);
}

}  // namespace
}  // namespace modr
