// The group of one process alone behaves as the one-rank MPI job does (tests/mpi/comm), without MPI.
#include <gtest/gtest.h>

#include <array>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "comm/communicator.hpp"
#include "comm/mpi_session.hpp"
#include "comm/work_counter.hpp"

namespace modr {
namespace {

TEST(Self, IsAGroupOfOne) {
  const Communicator comm = Communicator::self();
  EXPECT_EQ(comm.rank(), 0);
  EXPECT_EQ(comm.size(), 1);
  EXPECT_TRUE(comm.is_root());
  const Communicator part = comm.split(5, -1);
  EXPECT_EQ(part.rank(), 0);
  EXPECT_EQ(part.size(), 1);
  comm.barrier();
}

TEST(Self, ReductionsAndBroadcastsKeepTheValues) {
  const Communicator comm = Communicator::self();
  std::vector<float> floats{1.5f, -2.0f};
  std::vector<double> doubles{0.1, 0.2};
  std::vector<int64_t> integers{int64_t{1} << 62, -7};
  comm.all_reduce(floats);
  comm.all_reduce(doubles, ReduceOp::max);
  comm.all_reduce(integers, ReduceOp::min);
  comm.broadcast(std::span(floats), 0);
  EXPECT_EQ(floats, (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(doubles, (std::vector<double>{0.1, 0.2}));
  EXPECT_EQ(integers, (std::vector<int64_t>{int64_t{1} << 62, -7}));
  EXPECT_EQ(comm.all_reduced(2.5), 2.5);
  std::string text = "text";
  comm.broadcast(text, 0);
  EXPECT_EQ(text, "text");
}

TEST(Self, GathersItsOwn) {
  const Communicator comm = Communicator::self();
  EXPECT_EQ(comm.all_gather(3.25), std::vector<double>{3.25});
  const std::vector<int> mine{1, 2, 3};
  std::vector<int> all(3);
  comm.all_gather(std::span<const int>(mine), std::span(all));
  EXPECT_EQ(all, mine);
  EXPECT_EQ(comm.gather("abc", 0), std::vector<std::string>{"abc"});
  EXPECT_EQ(comm.gather("", 0), std::vector<std::string>{""});
}

TEST(Self, ExchangesWithItself) {
  const Communicator comm = Communicator::self();
  const std::vector<int> send{1, 2, 3};
  EXPECT_EQ(comm.all_to_all(std::span<const int>(send)), send);
  std::vector<int> receive(3);
  const std::vector<int64_t> counts{3}, too_few{2};
  Pending pending = comm.start_all_to_all_v(std::span<const int>(send), counts, std::span(receive), counts);
  EXPECT_TRUE(pending.done());
  pending.wait();
  EXPECT_EQ(receive, send);
  EXPECT_THROW(comm.all_to_all_v(std::span<const int>(send), counts, std::span(receive).first(2), too_few), Error);
}

TEST(Self, MessagesToItselfKeepTheirOrder) {
  const Communicator comm = Communicator::self();
  const std::array<int, 2> sent{7, 8};
  std::array<int, 2> received{};
  const auto part = [](auto& values, std::size_t i) { return std::span(values).subspan(i, 1); };
  Pending first = comm.start_receive(std::as_writable_bytes(part(received, 0)), 0, 10);
  EXPECT_FALSE(first.done());
  for (std::size_t i = 0; i < 2; ++i) comm.start_send(std::as_bytes(part(sent, i)), 0, int64_t(10 + i)).wait();
  EXPECT_TRUE(first.done());
  comm.start_receive(std::as_writable_bytes(part(received, 1)), 0, 11).wait();
  EXPECT_EQ(received, sent);
  const auto receive = [&](int64_t label) {
    comm.start_receive(std::as_writable_bytes(part(received, 0)), 0, label).wait();
  };
  EXPECT_THROW(receive(12), Error) << "nothing was sent";
  comm.start_send(std::as_bytes(part(sent, 0)), 0, 12).wait();
  EXPECT_THROW(receive(13), Error) << "another label";
}

TEST(Self, TellsWhatItIsDoing) {
  const Communicator comm = Communicator::self();
  EXPECT_EQ(comm.activity(), Activity{});
  comm.split(0, 0, "data").announce({.phase = "forward", .step = 2, .recurrence = 1});
  EXPECT_EQ(comm.activity(), (Activity{.phase = "forward", .step = 2, .recurrence = 1}));
  comm.set_timeout(1);
}

TEST(Self, WrongArgumentsAreNamed) {
  const Communicator comm = Communicator::self();
  std::vector<int> values(2), all(3);
  EXPECT_THROW(comm.broadcast(std::span(values), 1), Error);
  EXPECT_THROW(comm.gather("", -1), Error);
  EXPECT_THROW(comm.split(-1, 0), Error);
  EXPECT_THROW(comm.split(0, 0, "a name that is much too long"), Error);
  int device = 0;
  EXPECT_THROW(comm.on(Stream{&device}), Error);
  EXPECT_THROW(comm.all_gather(std::span<const int>(values), std::span(all)), Error);
}

TEST(Self, CountsWork) {
  WorkCounter counter(Communicator::self());
  for (int64_t expected = 0; expected < 5; ++expected) EXPECT_EQ(counter.next(), expected);
  EXPECT_EQ(counter.next(/*taken=*/1000), 5);
  EXPECT_EQ(counter.next(), 1005);
  counter.close();
  EXPECT_THROW(counter.next(), Error);
  EXPECT_THROW(counter.close(), Error);
}

TEST(Self, FailuresComeWithoutARank) {
  agree_ok(Communicator::self(), "");
  try {
    agree_ok(Communicator::self(), "run.yaml: no such file");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "run.yaml: no such file");
  }
  EXPECT_THROW(run_agreed(Communicator::self(), [] { throw UsageError("no"); }), UsageError);
}

TEST(Self, IsTheWorldOfAProcessStartedAlone) {
  const MpiSession session;
  EXPECT_EQ(session.world().size(), 1);
  EXPECT_EXIT(session.abort(9), testing::ExitedWithCode(9), "");
}

}  // namespace
}  // namespace modr
