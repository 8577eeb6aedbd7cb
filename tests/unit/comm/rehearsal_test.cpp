#include <gtest/gtest.h>

#include "comm/communicator.hpp"
#include "support/expect_error.hpp"

namespace modr {
namespace {

TEST(Rehearsal, OthersSayWhatThisRankSays) {
  const Communicator world = Communicator::rehearsal(2, 5);
  EXPECT_EQ(world.rank(), 2);
  EXPECT_EQ(world.size(), 5);
  EXPECT_EQ(world.all_gather(7), std::vector<int>(5, 7));
  EXPECT_EQ(world.all_reduced(3.5), 3.5);
  std::string text = "here";
  world.broadcast(text, 4);
  EXPECT_EQ(text, "here");
  const std::vector<int64_t> mine{10, 11, 12, 13, 14};
  EXPECT_EQ(world.all_to_all(std::span<const int64_t>(mine)), std::vector<int64_t>(5, 12));
}

TEST(Rehearsal, MessagesAreNeitherReadNorWritten) {
  const Communicator world = Communicator::rehearsal(0, 2);
  const std::span<std::byte> nothing(static_cast<std::byte*>(nullptr), 1 << 20);
  world.start_send(nothing, 1, 0).wait();
  EXPECT_TRUE(world.start_receive(nothing, 1, 0).done());
}

TEST(Rehearsal, GroupsFollowFromAllRanksColours) {
  const Communicator world = Communicator::rehearsal(7, 12);
  const Communicator thirds = world.split_by([](int rank) { return rank % 3; });
  EXPECT_EQ(thirds.size(), 4);
  EXPECT_EQ(thirds.rank(), 2);  // 1, 4, 7, 10
  const Communicator alone = world.split_by([](int rank) { return rank; });
  EXPECT_EQ(alone.size(), 1);
  expect_error([&] { (void)world.split(0, 0, "stage"); }, {"stage"});
}

}  // namespace
}  // namespace modr
