#pragma once
#include <cstdint>

namespace modr {

/// Consecutive items, [begin, end).
struct Slice {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t count() const { return end - begin; }
  bool operator==(const Slice&) const = default;
};

/// The part of `count` items that falls to `rank` of `size` ranks: contiguous, in the order of ranks, sizes at most one
/// apart; empty for some where there are fewer items than ranks. Throws Error unless 0 <= rank < size.
Slice rank_slice(int64_t count, int64_t rank, int64_t size);

}  // namespace modr
