#include "tensor/arena.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>

#include "base/integer.hpp"

namespace modr {

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t huge_page = std::size_t{2} << 20;

}  // namespace

Arena::Arena(std::size_t max_bytes) {
  for (reserved_ = round_up(max_bytes, huge_page); reserved_ >= huge_page; reserved_ = reserved_ / 2 / page * page) {
    // Without access addresses cost nothing, under whatever overcommit policy.
    void* range = mmap(nullptr, reserved_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) continue;
    base_ = static_cast<std::byte*>(range);
    madvise(range, reserved_, MADV_HUGEPAGE);  // where the kernel has none it is as good without
    return;
  }
  reserved_ = 0;
}

std::size_t Arena::rounded(std::size_t bytes) { return round_up(std::max<std::size_t>(bytes, 1), page); }

// The gap at the end becomes at least `size`.
bool Arena::grow_for(std::size_t size) {
  const auto last = gaps_.empty() ? gaps_.end() : std::prev(gaps_.end());
  const bool at_end = last != gaps_.end() && last->first + last->second == extent_;
  const std::size_t have = at_end ? last->second : 0, more = round_up(size - have, huge_page);
  if (more > reserved_ - extent_) return false;
  if (mprotect(base_ + extent_, more, PROT_READ | PROT_WRITE) != 0) return false;
  if (at_end) last->second += more;
  else gaps_.emplace(extent_, more);
  extent_ += more;
  ++growths_;
  return true;
}

std::byte* Arena::take(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  const auto fits = [&](const auto& gap) { return gap.second >= size; };
  auto gap = std::find_if(gaps_.begin(), gaps_.end(), fits);
  if (gap == gaps_.end()) {
    if (!grow_for(size)) return nullptr;
    gap = std::prev(gaps_.end());
  }
  const auto [offset, available] = *gap;
  gaps_.erase(gap);
  if (available > size) gaps_.emplace(offset + size, available - size);
  return base_ + offset;
}

void Arena::give_back(std::byte* block, std::size_t bytes) {
  auto offset = static_cast<std::size_t>(block - base_);
  std::size_t size = rounded(bytes);
  auto next = gaps_.lower_bound(offset);
  if (next != gaps_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      offset = before->first;
      size += before->second;
      gaps_.erase(before);
    }
  }
  if (next != gaps_.end() && next->first == offset + size) {
    size += next->second;
    gaps_.erase(next);
  }
  gaps_.emplace(offset, size);
}

void Arena::release() {
  for (const auto& [offset, size] : gaps_) madvise(base_ + offset, size, MADV_DONTNEED);
}

}  // namespace modr
