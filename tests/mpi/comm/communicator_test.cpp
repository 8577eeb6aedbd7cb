#include "comm/communicator.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "comm/mpi_backend.hpp"
#include "support/mpi_world.hpp"

namespace modr {

void check_mpi(int code, const char* call);  // of comm/mpi_check.hpp, which needs mpi.h

namespace {

// The same tests with whole messages and with messages cut into pieces of 3 elements (as those above INT_MAX are).
class Collectives : public testing::TestWithParam<int64_t> {
 protected:
  // Made once a limit: MPI communicators live until the end of the job.
  static const Communicator& comm() {
    static const Communicator whole(make_mpi_backend());
    static const Communicator pieces(make_mpi_backend(3));
    return GetParam() == 3 ? pieces : whole;
  }
  static int64_t sum_of_ranks() { return int64_t{comm().size()} * (comm().size() - 1) / 2; }
};

INSTANTIATE_TEST_SUITE_P(, Collectives, testing::Values(max_mpi_count, 3),
                         [](const auto& tested) { return tested.param == 3 ? "InPieces" : "Whole"; });

template <typename T>
void expect_reductions(const Communicator& comm) {
  const auto size = static_cast<std::size_t>(comm.size());
  for (const std::size_t count : {0, 1, 3, 4, 1000}) {
    std::vector<T> sum(count), max(count), min(count);
    for (std::size_t i = 0; i < count; ++i) sum[i] = max[i] = min[i] = static_cast<T>(comm.rank() * 1000 + int(i));
    comm.all_reduce(sum);
    comm.all_reduce(max, ReduceOp::max);
    comm.all_reduce(min, ReduceOp::min);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(sum[i], static_cast<T>(size * (size - 1) / 2 * 1000 + size * i)) << count << " at " << i;
      ASSERT_EQ(max[i], static_cast<T>((size - 1) * 1000 + i)) << count << " at " << i;
      ASSERT_EQ(min[i], static_cast<T>(i)) << count << " at " << i;
    }
  }
}

TEST_P(Collectives, ReduceFloats) { expect_reductions<float>(comm()); }
TEST_P(Collectives, ReduceDoubles) { expect_reductions<double>(comm()); }
TEST_P(Collectives, ReduceIntegers) { expect_reductions<int64_t>(comm()); }

TEST_P(Collectives, IntegersKeepAll64Bits) {
  const int64_t large = (int64_t{1} << 60) + 1;  // no double has this value
  EXPECT_EQ(comm().all_reduced(comm().rank() == 0 ? large : int64_t{0}), large);
  EXPECT_EQ(comm().all_reduced(int64_t{comm().rank()}), sum_of_ranks());
  EXPECT_EQ(comm().all_reduced(-0.5 * comm().rank(), ReduceOp::min), -0.5 * (comm().size() - 1));
}

// Parameters stay equal on all ranks only if a sum is the same to the last bit everywhere.
TEST_P(Collectives, SumsAreTheSameBitsOnEveryRank) {
  for (const std::size_t count : {7, 5000, 300000}) {
    if (count > 5000 && GetParam() == 3) continue;  // 100,000 messages say no more than 1,667
    PhiloxSequence random(1, RandomStream::data, static_cast<uint64_t>(comm().rank()));
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(random.normal());
    comm().all_reduce(values);
    std::vector<float> of_root = values;
    comm().broadcast(std::span(of_root), 0);
    EXPECT_EQ(std::memcmp(values.data(), of_root.data(), count * sizeof(float)), 0) << count;
  }
}

TEST_P(Collectives, BroadcastFromEveryRoot) {
  for (int root = 0; root < comm().size(); ++root) {
    std::vector<int32_t> values(10);
    if (comm().rank() == root) std::iota(values.begin(), values.end(), root);
    comm().broadcast(std::span(values), root);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], root + i);
  }
}

TEST_P(Collectives, BroadcastSetsTheSizeOfTextAndBytes) {
  for (int root = 0; root < comm().size(); ++root) {
    for (const std::string& sent : {std::string("a text\0with a zero", 18), std::string()}) {
      std::string text = comm().rank() == root ? sent : "something else, longer or shorter";
      comm().broadcast(text, root);
      EXPECT_EQ(text, sent);
    }
    std::vector<std::byte> bytes(comm().rank() == root ? 100 : 1, std::byte(root));
    comm().broadcast(bytes, root);
    EXPECT_EQ(bytes, std::vector<std::byte>(100, std::byte(root)));
  }
}

TEST_P(Collectives, AllGatherInRankOrder) {
  struct Pair {
    int32_t rank;
    double half;
  };
  const std::vector<Pair> pairs = comm().all_gather(Pair{comm().rank(), comm().rank() / 2.0});
  ASSERT_EQ(pairs.size(), static_cast<std::size_t>(comm().size()));
  for (int rank = 0; rank < comm().size(); ++rank) {
    EXPECT_EQ(pairs[static_cast<std::size_t>(rank)].rank, rank);
    EXPECT_EQ(pairs[static_cast<std::size_t>(rank)].half, rank / 2.0);
  }
  for (const std::size_t count : {0, 1, 17}) {
    std::vector<int64_t> mine(count), all(count * static_cast<std::size_t>(comm().size())), expected(all.size());
    std::iota(mine.begin(), mine.end(), comm().rank() * static_cast<int64_t>(count));
    std::iota(expected.begin(), expected.end(), 0);
    comm().all_gather(std::span<const int64_t>(mine), std::span(all));
    EXPECT_EQ(all, expected);
  }
}

TEST_P(Collectives, GatherTextsOfAnySize) {
  for (int root = 0; root < comm().size(); ++root) {
    const auto text_of = [](int rank) { return std::string(static_cast<std::size_t>(rank * 7), char('a' + rank)); };
    const std::vector<std::string> texts = comm().gather(text_of(comm().rank()), root);  // rank 0's is empty
    if (comm().rank() != root) {
      EXPECT_TRUE(texts.empty());
      continue;
    }
    ASSERT_EQ(texts.size(), static_cast<std::size_t>(comm().size()));
    for (int rank = 0; rank < comm().size(); ++rank) EXPECT_EQ(texts[static_cast<std::size_t>(rank)], text_of(rank));
  }
}

TEST_P(Collectives, SplitMakesGroupsInKeyOrder) {
  const Communicator parity = comm().split(comm().rank() % 2, -comm().rank());  // higher ranks first
  const int members = (comm().size() + 1 - comm().rank() % 2) / 2;
  EXPECT_EQ(parity.size(), members);
  EXPECT_EQ(parity.rank(), members - 1 - comm().rank() / 2);
  int64_t expected = 0;
  for (int rank = comm().rank() % 2; rank < comm().size(); rank += 2) expected += rank;
  EXPECT_EQ(parity.all_reduced(int64_t{comm().rank()}), expected);

  const Communicator alone = parity.split(parity.rank(), 0);
  EXPECT_EQ(alone.size(), 1);
  EXPECT_EQ(alone.all_reduced(int64_t{comm().rank()}), comm().rank());
}

TEST_P(Collectives, WrongArgumentsAreNamed) {
  std::vector<double> values(2);
  std::string text;
  for (const int root : {-1, comm().size()}) {
    EXPECT_THROW(comm().broadcast(std::span(values), root), Error);
    EXPECT_THROW(comm().broadcast(text, root), Error);
    EXPECT_THROW(comm().gather(text, root), Error);
  }
  EXPECT_THROW(comm().split(-1, 0), Error);
  std::vector<double> all(values.size() * static_cast<std::size_t>(comm().size()) + 1);
  EXPECT_THROW(comm().all_gather(std::span<const double>(values), std::span(all)), Error);
}

TEST(MpiBackend, FailuresNameTheCallTheRankAndMpisText) {
  try {
    check_mpi(1, "MPI_Ibcast");  // each MPI's first error
    FAIL() << "an error was taken for success";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with(fmt::format("MPI_Ibcast failed on rank {}: ", mpi_world().rank()))) << text;
  }
}

TEST(MpiBackend, GathersLargeTexts) {
  const Communicator& comm = mpi_world();
  const std::string mine(20'000'000, char('a' + comm.rank()));
  const std::vector<std::string> texts = comm.gather(mine, 0);
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    EXPECT_EQ(texts[rank].size(), mine.size());
    EXPECT_EQ(texts[rank].find_first_not_of(char('a' + int(rank))), std::string::npos);
  }
  comm.barrier();
}

}  // namespace
}  // namespace modr
