// main() of the programs that mpirun starts: every rank runs the same tests, in the same order.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "comm/mpi_session.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

const MpiSession* running_session = nullptr;

// What ranks other than 0 say: their failures only.
class FailurePrinter final : public testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : rank_(rank) {}
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const char* file = result.file_name() ? result.file_name() : "?";
    fmt::print(stderr, "[rank {}] {}:{}: {}\n", rank_, file, result.line_number(), result.message());
  }

 private:
  int rank_;
};

// What ctest takes for "skipped" (SKIP_RETURN_CODE).
constexpr int everything_skipped = 77;

// Every rank gets 0 if all tests of all ranks passed, 77 if all were skipped, else 1, and rank 0 says who failed. No test
// at all is a failure, and so is another number of skipped ones on one rank, of which only rank 0's are printed.
int run_tests(const Communicator& world) {
  if (world.rank() != 0) {
    testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter(world.rank()));  // GoogleTest deletes it
  }
  const int failed = RUN_ALL_TESTS();
  const int num_tests = testing::UnitTest::GetInstance()->test_to_run_count();
  const int num_skipped = testing::UnitTest::GetInstance()->skipped_test_count();
  int roots = num_skipped;
  world.broadcast(std::span(&roots, 1), 0);
  if (num_tests == 0) fmt::print(stderr, "[rank {}] no test ran\n", world.rank());
  if (num_skipped != roots)
    fmt::print(stderr, "[rank {}] {} tests skipped, on rank 0 {}\n", world.rank(), num_skipped, roots);
  const std::vector<int> failed_on = world.all_gather<int>(failed != 0 || num_tests == 0 || num_skipped != roots);
  for (int rank = 0; rank < world.size(); ++rank) {
    if (world.is_root() && failed_on[static_cast<std::size_t>(rank)]) fmt::print(stderr, "failed on rank {}\n", rank);
  }
  if (std::ranges::find(failed_on, 1) != failed_on.end()) return 1;
  return num_skipped == num_tests ? everything_skipped : 0;
}

// The number after "--ranks=", so that a launcher that starts fewer processes than asked is a failure, not a pass.
int expected_ranks(int argc, char** argv) {
  const std::string prefix = "--ranks=";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with(prefix)) return std::atoi(argument.c_str() + prefix.size());
  }
  fail("expected --ranks=N on the command line");
}

}  // namespace

const Communicator& mpi_world() { return running_session->world(); }

}  // namespace modr

int main(int argc, char** argv) {
  try {
    testing::InitGoogleTest(&argc, argv);
    const modr::MpiSession session;
    modr::running_session = &session;
    const int expected = modr::expected_ranks(argc, argv);
    if (session.world().size() != expected) {
      modr::fail("expected {} ranks, found {}", expected, session.world().size());
    }
    return modr::run_tests(session.world());
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
