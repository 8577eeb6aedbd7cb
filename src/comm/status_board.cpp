#include "comm/status_board.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <new>

#include "comm/mpi_check.hpp"

namespace modr {

namespace {

using Words = std::array<uint64_t, sizeof(RankReport) / sizeof(uint64_t)>;
static_assert(sizeof(Words) == sizeof(RankReport));

constexpr int max_reads = 100;  // of an entry that is being written

}  // namespace

// The version says which of the two reports counts; the other one may be half written.
struct StatusBoard::Entry {
  std::atomic<uint64_t> version{0};
  std::atomic<bool> is_claimed{false};
  std::array<std::array<std::atomic<uint64_t>, std::tuple_size_v<Words>>, 2> reports{};

  void write(const RankReport& report) {
    const auto words = std::bit_cast<Words>(report);
    const uint64_t next = version.load(std::memory_order_relaxed) + 1;
    std::atomic_thread_fence(std::memory_order_release);
    for (std::size_t i = 0; i < words.size(); ++i) reports[next % 2][i].store(words[i], std::memory_order_relaxed);
    version.store(next, std::memory_order_release);
  }

  RankReport read() const {
    Words words{};
    for (int attempt = 0; attempt < max_reads; ++attempt) {
      const uint64_t before = version.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < words.size(); ++i) words[i] = reports[before % 2][i].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (version.load(std::memory_order_relaxed) == before) break;
    }
    return std::bit_cast<RankReport>(words);
  }
};

double node_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

StatusBoard::StatusBoard(MPI_Comm world) {
  MPI_Comm node = MPI_COMM_NULL;
  MODR_MPI(MPI_Comm_split_type, world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  int size = 0;
  MODR_MPI(MPI_Comm_rank, node, &node_rank_);
  MODR_MPI(MPI_Comm_size, node, &size);
  void* memory = nullptr;
  MODR_MPI(MPI_Win_allocate_shared, sizeof(Entry), 1, MPI_INFO_NULL, node, &memory, &window_);
  new (memory) Entry;
  for (int rank = 0; rank < size; ++rank) {
    MPI_Aint bytes = 0;
    int unit = 0;
    MODR_MPI(MPI_Win_shared_query, window_, rank, &bytes, &unit, &memory);
    entries_.push_back(static_cast<Entry*>(memory));
  }
  RankReport report;
  MODR_MPI(MPI_Comm_rank, world, &report.rank);
  report.activity_seconds = report.state_seconds = node_seconds();
  publish(report);
  MODR_MPI(MPI_Barrier, node);
}

void StatusBoard::publish(const RankReport& report) { entries_[static_cast<std::size_t>(node_rank_)]->write(report); }

std::vector<RankReport> StatusBoard::read() const {
  std::vector<RankReport> reports;
  for (const Entry* entry : entries_) reports.push_back(entry->read());
  const double now = node_seconds();
  for (RankReport& report : reports) {
    report.activity_seconds = now - report.activity_seconds;
    report.state_seconds = now - report.state_seconds;
  }
  return reports;
}

bool StatusBoard::claim_the_word() { return !entries_.front()->is_claimed.exchange(true); }

}  // namespace modr
