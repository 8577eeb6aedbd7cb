#pragma once
// MPI counts are int (Open MPI 4 has no `_c` calls): the one place where 64-bit counts become int.
#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/error.hpp"

namespace modr {

/// The largest number of elements handed to one MPI call.
inline constexpr int64_t max_mpi_count = std::numeric_limits<int>::max();

/// `count` as MPI takes it. Throws Error when it does not fit.
inline int narrow_count(int64_t count) {
  MODR_CHECK(count >= 0 && count <= max_mpi_count, "{} elements do not fit one MPI call", count);
  return static_cast<int>(count);
}

/// Calls `f(offset, count)` for consecutive pieces of at most `limit` elements that cover [0, total); none for 0.
template <typename F>
void for_each_chunk(int64_t total, int64_t limit, F&& f) {
  MODR_CHECK(total >= 0 && limit > 0, "{} elements in chunks of {}", total, limit);
  for (int64_t offset = 0; offset < total; offset += limit) f(offset, narrow_count(std::min(limit, total - offset)));
}

}  // namespace modr
