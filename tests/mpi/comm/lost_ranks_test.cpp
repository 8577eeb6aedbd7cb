// Ranks that lose each other, in groups of their own that nothing else uses afterwards: the other tests go on.
#include "comm/lost_ranks.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "comm/agree.hpp"
#include "comm/comm_error.hpp"
#include "comm/mpi_backend.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

class LosingRanks : public testing::Test {
 protected:
  void SetUp() override {
    if (mpi_world().size() == 1) GTEST_SKIP() << "nobody to lose";
  }

  bool is_last() const { return comm.rank() == comm.size() - 1; }

  // Each rank reads its own clock.
  static std::string without_times(const std::string& text) {
    return std::regex_replace(text, std::regex(", since [0-9.]+ s"), "");
  }

  // The text that `call` throws on this rank. Checks that it then throws on, and what holds over all ranks: as many
  // have thrown as `num_losing`, the text is the same on all of them (but for times), and one of them speaks.
  template <typename F>
  std::string lost_by(F&& call, int num_losing) {
    std::string text;
    int64_t speaks = 0;
    try {
      call();
    } catch (const CommError& error) {
      text = error.what();
      speaks = error.speaks();
      EXPECT_TRUE(comm.is_lost());
      EXPECT_THROW(comm.barrier(), CommError);
    }
    EXPECT_EQ(mpi_world().all_reduced(int64_t{!text.empty()}), num_losing);
    EXPECT_EQ(mpi_world().all_reduced(speaks), 1);
    std::string first = text;
    mpi_world().broadcast(first, 0);
    EXPECT_TRUE(text.empty() || without_times(text) == without_times(first)) << text << "\n" << first;
    return text;
  }

  const Communicator comm{make_mpi_backend()};
  std::vector<double> values = std::vector<double>(1000);
};

TEST_F(LosingRanks, AnotherCallIsTheSameErrorOnAll) {
  comm.barrier();
  const std::string text = lost_by(
      [&] {
        if (is_last()) comm.barrier();
        else comm.all_reduce(values);
      },
      comm.size());
  const std::string last = fmt::format("rank {} calls barrier", comm.size() - 1);
  EXPECT_TRUE(text.starts_with("ranks disagree in collective 1 of group 'world': ")) << text;
  EXPECT_NE(text.find(last), std::string::npos) << text;
  EXPECT_NE(text.find(" all_reduce of 1000 f64"), std::string::npos) << text;
}

TEST_F(LosingRanks, AnotherSizeIsFoundBeforeDataMoves) {
  for (double& value : values) value = comm.rank();
  const std::size_t count = is_last() ? 999 : 1000;
  const std::string text = lost_by([&] { comm.all_reduce(std::span(values).first(count)); }, comm.size());
  EXPECT_NE(text.find(" all_reduce of 999 f64"), std::string::npos) << text;
  EXPECT_EQ(values, std::vector<double>(1000, comm.rank()));
}

TEST_F(LosingRanks, InASplitGroupRanksAreNamedAsInTheWorld) {
  if (comm.size() < 3) GTEST_SKIP() << "a group of two and another";
  const Communicator part = comm.split(comm.rank() > 0 ? 1 : 0, -comm.rank(), "part");
  if (comm.rank() == 0) return;  // alone in the other group
  std::string text;
  try {
    part.announce({.phase = "forward", .step = part.rank() == 0 ? 4 : 5});
    part.broadcast(std::span(values), 0);
  } catch (const CommError& error) {
    text = error.what();
  }
  EXPECT_TRUE(text.starts_with("ranks disagree in collective 0 of group 'part': ")) << text;
  const std::string last = fmt::format("rank {} calls broadcast of 8000 bytes from rank {} (forward, step 4)",
                                       comm.size() - 1, comm.size() - 1);
  EXPECT_NE(text.find(last), std::string::npos) << text;
}

TEST_F(LosingRanks, UnequalCountsNameThePair) {
  std::vector<int64_t> send(static_cast<std::size_t>(comm.size()), 1), receive = send;
  if (comm.is_root()) send[1] = 3;
  const std::vector<double> from(comm.size() + (comm.is_root() ? 2 : 0), 1);
  std::vector<double> to(receive.size());
  const std::string text =
      lost_by([&] { comm.all_to_all_v(std::span<const double>(from), send, std::span(to), receive); }, comm.size());
  EXPECT_EQ(text, "ranks disagree in collective 0 of group 'world', all_to_all_v: rank 0 sends rank 1 24 bytes, which "
                  "expects 8");
}

// The first collective that differs, not the one that a rank happens to wait for, is what all tell.
TEST_F(LosingRanks, OfSeveralUnderWayTheFirstThatDiffersIsTold) {
  const std::vector<int64_t> ones(static_cast<std::size_t>(comm.size()), 1);
  const std::vector<double> from(ones.size());
  std::vector<double> to(ones.size());
  const std::string text = lost_by(
      [&] {
        comm.announce({.step = is_last() ? 2 : 1});
        Pending first = comm.start_all_to_all_v(std::span<const double>(from), ones, std::span(to), ones);
        if (comm.is_root()) first.wait();
        comm.barrier();
        first.wait();
      },
      comm.size());
  EXPECT_TRUE(text.starts_with("ranks disagree in collective 0 of group 'world': ")) << text;
}

TEST_F(LosingRanks, AMessageOfAnotherLabelIsTheReceiversError) {
  std::vector<std::byte> bytes(3000);
  const std::string text = lost_by(
      [&] {
        if (comm.rank() == 0) comm.start_receive(bytes, 1, 7).wait();
        if (comm.rank() == 1) comm.start_send(std::span(bytes).first(10), 0, 8).wait();
      },
      1);
  if (comm.rank() > 0) return;
  EXPECT_EQ(text, "ranks disagree in a message of group 'world': rank 1 calls send of 10 bytes with label 8 to rank 0, "
                  "rank 0 calls receive of 3000 bytes with label 7 from rank 1");
}

TEST_F(LosingRanks, WhoDoesNotComeIsNamedByAllWhoWait) {
  mpi_world().barrier();
  comm.set_timeout(2);  // all but the last have come by then
  if (is_last()) comm.announce({.phase = "asleep", .step = 3});
  const std::string text = lost_by(
      [&] {
        if (!is_last()) comm.barrier();
      },
      comm.size() - 1);
  if (is_last()) return;
  const std::string expected = fmt::format("rank {} did not come to collective 0, barrier, of group 'world', within "
                                           "2 s: it is in phase asleep, step 3, since ",
                                           comm.size() - 1);
  EXPECT_TRUE(text.starts_with(expected)) << text;
}

// A rank that waits elsewhere hears that others have given up: its own time is over only when this job's is, too.
TEST_F(LosingRanks, WhoComesLateGivesUpToo) {
  if (!is_last()) comm.set_timeout(0.3);
  EXPECT_THROW(
      {
        if (is_last()) std::this_thread::sleep_for(std::chrono::seconds(1));
        if (is_last()) comm.start_receive(std::as_writable_bytes(std::span(values)), 0, 0).wait();
        else comm.barrier();
      },
      CommError);
}

// MPI still writes the sum of the tags into the memory of those who gave up and have gone, when the last one comes.
TEST_F(LosingRanks, WhoComesTooLateWritesIntoNobodysMemory) {
  auto own = std::make_unique<const Communicator>(make_mpi_backend());
  if (!is_last()) {
    own->set_timeout(0.1);
    EXPECT_THROW(own->barrier(), CommError);
    own.reset();
  }
  std::vector<std::string> blocks;  // where the group was, had that been freed
  for (std::size_t size = 64; size <= 1024; size += 8) blocks.insert(blocks.end(), 16, std::string(size, 'x'));
  mpi_world().barrier();
  try {
    if (is_last()) own->barrier();
  } catch (const CommError&) {  // or not: all may have called it by now
  }
  for (int i = 0; i < 2; ++i) mpi_world().barrier();
  for (const std::string& block : blocks) EXPECT_EQ(block, std::string(block.size(), 'x'));
}

TEST_F(LosingRanks, WhatIsGivenUpUnderWayEndsCommunication) {
  comm.split(0, 0, "all").barrier();
  const std::vector<int64_t> ones(static_cast<std::size_t>(comm.size()), 1);
  const std::vector<double> from(ones.size());
  std::vector<double> to(ones.size());
  try {
    run_agreed(comm, [&] {
      const Pending pending = comm.start_all_to_all_v(std::span<const double>(from), ones, std::span(to), ones);
      fail("out of luck");
    });
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "out of luck");
  }
  EXPECT_TRUE(comm.is_lost());
  try {
    comm.barrier();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), fmt::format("rank {} communicates no more: it gave up collective 1, all_to_all_v, of group "
                                        "'world', while that was under way",
                                        comm.rank()))
        << "the group 'all' is another";
  }
}

}  // namespace
}  // namespace modr
