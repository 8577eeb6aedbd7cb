#include "comm/rehearsal_backend.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace modr {

RehearsalBackend::RehearsalBackend(int rank, int size) : rank_(rank), size_(size) {
  MODR_CHECK(rank >= 0 && rank < size, "a rehearsal of rank {} of {}", rank, size);
}

std::shared_ptr<CommBackend> RehearsalBackend::split(int, int, const std::string& name) {
  fail("{}: a rehearsed group is split by what all ranks' colours are", name);
}

std::shared_ptr<CommBackend> RehearsalBackend::split_by(const std::function<int(int)>& color_of, const std::string&) {
  const int mine = color_of(rank_);
  int before = 0, all = 0;
  for (int rank = 0; rank < size_; ++rank) {
    if (color_of(rank) != mine) continue;
    if (rank < rank_) ++before;
    ++all;
  }
  return std::make_shared<RehearsalBackend>(before, all);
}

std::shared_ptr<CommBackend> RehearsalBackend::on(Stream) { return std::make_shared<RehearsalBackend>(rank_, size_); }

void RehearsalBackend::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) {
  for (; !all.empty() && !mine.empty(); all = all.subspan(mine.size())) std::ranges::copy(mine, all.begin());
}

void RehearsalBackend::gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t>,
                              int) {
  all_gather(mine, all);
}

void RehearsalBackend::all_to_all(std::span<const std::byte> send, std::span<std::byte> receive, int64_t block_size) {
  const auto size = static_cast<std::size_t>(block_size);
  all_gather(send.subspan(static_cast<std::size_t>(rank_) * size, size), receive);
}

std::unique_ptr<CounterBackend> RehearsalBackend::make_counter() { fail("a rehearsed group has no work to count"); }

}  // namespace modr
