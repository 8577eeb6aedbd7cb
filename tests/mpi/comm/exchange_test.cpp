// The exchange and messages between two ranks, against what a plain twin works out from all ranks' counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "comm/communicator.hpp"
#include "comm/mpi_backend.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

// The same tests with whole messages and with messages cut into pieces of 3 bytes (as those above INT_MAX are).
class Exchanges : public testing::TestWithParam<int64_t> {
 protected:
  // Made once a limit: MPI communicators live until the end of the job.
  static const Communicator& comm() {
    static const Communicator whole(make_mpi_backend());
    static const Communicator pieces(make_mpi_backend(3));
    return GetParam() == 3 ? pieces : whole;
  }
};

INSTANTIATE_TEST_SUITE_P(, Exchanges, testing::Values(max_mpi_count, 3),
                         [](const auto& tested) { return tested.param == 3 ? "InPieces" : "Whole"; });

using Counts = std::vector<std::vector<int64_t>>;  // [from][to]

struct Element {
  int32_t from, to, index;
  bool operator==(const Element&) const = default;
};

// What rank `from` sends to rank `to`.
std::vector<Element> block(int from, int to, int64_t count) {
  std::vector<Element> elements;
  for (int64_t i = 0; i < count; ++i) elements.push_back({from, to, static_cast<int32_t>(i)});
  return elements;
}

// What one rank sends and gets, and the twin of what it gets.
struct Buffers {
  std::vector<int64_t> send_counts, receive_counts;
  std::vector<Element> send, receive, expected;

  Buffers(const Counts& counts, int me) : send_counts(counts[static_cast<std::size_t>(me)]) {
    for (int rank = 0; rank < static_cast<int>(counts.size()); ++rank) {
      const auto r = static_cast<std::size_t>(rank);
      receive_counts.push_back(counts[r][static_cast<std::size_t>(me)]);
      const std::vector<Element> to = block(me, rank, send_counts[r]), from = block(rank, me, receive_counts[r]);
      send.insert(send.end(), to.begin(), to.end());
      expected.insert(expected.end(), from.begin(), from.end());
    }
    receive.resize(expected.size());
  }

  Pending start(const Communicator& comm) {
    return comm.start_all_to_all_v(std::span<const Element>(send), send_counts, std::span(receive), receive_counts);
  }
};

Counts constant_counts(int size, int64_t count) {
  const auto n = static_cast<std::size_t>(size);
  return Counts(n, std::vector<int64_t>(n, count));
}

// The same on every rank; about every third pair has nothing to say.
Counts random_counts(int size, uint64_t seed, int64_t limit) {
  PhiloxSequence random(seed, RandomStream::data, 0);
  Counts counts = constant_counts(size, 0);
  for (auto& row : counts) {
    for (int64_t& count : row) {
      const double drawn = (random.uniform() * 1.5 - 0.5) * static_cast<double>(limit);
      count = std::max<int64_t>(0, static_cast<int64_t>(drawn));
    }
  }
  return counts;
}

void expect_exchange(const Communicator& comm, const Counts& counts) {
  Buffers buffers(counts, comm.rank());
  buffers.start(comm).wait();
  ASSERT_EQ(buffers.receive, buffers.expected);
}

TEST_P(Exchanges, OneBlockEach) {
  for (const int64_t block_size : {0, 1, 5}) {
    std::vector<int64_t> send, expected;
    for (int rank = 0; rank < comm().size(); ++rank) {
      for (int64_t i = 0; i < block_size; ++i) {
        send.push_back(comm().rank() * 1000 + rank * 10 + i);
        expected.push_back(rank * 1000 + comm().rank() * 10 + i);
      }
    }
    EXPECT_EQ(comm().all_to_all(std::span<const int64_t>(send)), expected);
  }
}

TEST_P(Exchanges, RandomCounts) {
  for (uint64_t seed = 0; seed < 50; ++seed) expect_exchange(comm(), random_counts(comm().size(), seed, 20));
}

TEST_P(Exchanges, AdversarialCounts) {
  const int size = comm().size();
  expect_exchange(comm(), constant_counts(size, 0));
  expect_exchange(comm(), constant_counts(size, 1));
  for (int rank = 0; rank < size; ++rank) {
    const auto r = static_cast<std::size_t>(rank);
    Counts all_to_one = constant_counts(size, 0), one_to_all = all_to_one, only_self = all_to_one;
    for (auto& row : all_to_one) row[r] = 100;
    one_to_all[r].assign(static_cast<std::size_t>(size), 100);
    only_self[r][r] = 100;
    for (const Counts& counts : {all_to_one, one_to_all, only_self}) expect_exchange(comm(), counts);
  }
}

TEST_P(Exchanges, LargeBlocks) {
  expect_exchange(comm(), random_counts(comm().size(), 7, GetParam() == 3 ? 300 : 100'000));
}

TEST_P(Exchanges, SeveralAtATimeAndOtherCallsBetween) {
  std::vector<Buffers> all;
  std::vector<Pending> pending;
  for (uint64_t seed = 0; seed < 4; ++seed) all.emplace_back(random_counts(comm().size(), seed, 50), comm().rank());
  for (Buffers& buffers : all) {
    pending.push_back(buffers.start(comm()));
    EXPECT_EQ(comm().all_reduced(int64_t{1}), comm().size());
  }
  std::swap(pending.front(), pending.back());
  for (Pending& one : pending) one.wait();
  for (const Buffers& buffers : all) EXPECT_EQ(buffers.receive, buffers.expected);
}

TEST_P(Exchanges, DoneTurnsTrueWithoutWaiting) {
  Buffers buffers(constant_counts(comm().size(), 10), comm().rank());
  Pending pending = buffers.start(comm());
  while (!pending.done()) {
  }
  EXPECT_EQ(buffers.receive, buffers.expected);
  EXPECT_TRUE(pending.done());
  pending.wait();
}

TEST_P(Exchanges, MessagesBetweenTwoRanksKeepTheirOrder) {
  constexpr int num_messages = 20;
  const int next = (comm().rank() + 1) % comm().size(), previous = (comm().rank() + comm().size() - 1) % comm().size();
  std::vector<std::vector<int32_t>> sent, received;
  std::vector<Pending> pending;
  for (int i = 0; i < num_messages; ++i) {
    sent.emplace_back(static_cast<std::size_t>(i * i), comm().rank() * 100 + i);  // the first is empty
    received.emplace_back(static_cast<std::size_t>(i * i), -1);
  }
  for (std::size_t i = 0; i < num_messages; ++i) {
    pending.push_back(comm().start_receive(std::as_writable_bytes(std::span(received[i])), previous, int64_t(i)));
    pending.push_back(comm().start_send(std::as_bytes(std::span(sent[i])), next, int64_t(i)));
  }
  std::ranges::reverse(pending);  // in whatever order they are waited for
  for (Pending& one : pending) one.wait();
  for (int i = 0; i < num_messages; ++i) {
    const std::vector<int32_t> expected(static_cast<std::size_t>(i * i), previous * 100 + i);
    EXPECT_EQ(received[static_cast<std::size_t>(i)], expected);
  }
}

// What one rank waits for may need another rank, which waits for something that was started earlier.
TEST_P(Exchanges, WhatWasStartedGoesOnWhileOneWaitsForSomethingElse) {
  const int64_t count = GetParam() == 3 ? 300 : 100'000;
  Buffers buffers(constant_counts(comm().size(), count), comm().rank());
  Pending exchange = buffers.start(comm());
  if (comm().rank() % 2 == 0) exchange.wait();
  comm().barrier();
  exchange.wait();
  EXPECT_EQ(buffers.receive, buffers.expected);

  const int next = (comm().rank() + 1) % comm().size(), previous = (comm().rank() + comm().size() - 1) % comm().size();
  std::vector<int64_t> sent(static_cast<std::size_t>(count), comm().rank()), received(sent.size());
  Pending receive = comm().start_receive(std::as_writable_bytes(std::span(received)), previous, 0);
  comm().start_send(std::as_bytes(std::span(sent)), next, 0).wait();
  receive.wait();
  EXPECT_EQ(received, std::vector<int64_t>(sent.size(), previous));
}

TEST_P(Exchanges, WrongArgumentsAreNamed) {
  const std::vector<int64_t> counts(static_cast<std::size_t>(comm().size()), 1);
  const std::vector<int64_t> negative(counts.size(), -1), too_many(counts.size() + 1, 1);
  std::vector<int> send(counts.size()), receive(counts.size()), longer(counts.size() + 1);
  const auto exchange = [&](std::span<const int> from, std::span<const int64_t> send_counts,
                            std::span<const int64_t> receive_counts) {
    comm().all_to_all_v(from, send_counts, std::span(receive), receive_counts);
  };
  EXPECT_THROW(exchange(longer, counts, counts), Error);
  EXPECT_THROW(exchange(send, negative, counts), Error);
  EXPECT_THROW(exchange(send, counts, too_many), Error);
  if (comm().size() > 1) {
    EXPECT_THROW(comm().all_to_all(std::span<const int>(longer)), Error);
  }
  EXPECT_THROW((void)comm().start_send({}, comm().size(), 0), Error);
  EXPECT_THROW((void)comm().start_receive({}, -1, 0), Error);
  EXPECT_THROW(comm().set_timeout(0), Error);
  int device = 0;
  EXPECT_THROW(comm().on(Stream{&device}), Error);
  EXPECT_EQ(comm().on(Stream{}).all_reduced(int64_t{1}), comm().size());
}

TEST_P(Exchanges, ActivityIsSharedByAllGroups) {
  const Communicator part = comm().split(0, 0, "all");
  part.announce({.phase = "dispatch", .step = 5});
  EXPECT_EQ(comm().activity(), (Activity{.phase = "dispatch", .step = 5, .recurrence = -1}));
  comm().announce({});
  EXPECT_STREQ(part.activity().phase, "");
}

}  // namespace
}  // namespace modr
