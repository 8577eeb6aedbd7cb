#pragma once
// Launches over matrices: columns, or packs of them, in x and rows in y.
#include <algorithm>

#include "kernels/cuda/launch.hpp"

namespace modr::kernels {

inline constexpr int64_t most_rows_at_once = 65535;  // blocks in y; kernels stride over the rest

/// A thread for each of `columns`, at most 256 a block, and blocks for `rows`.
inline Launch over_columns(Cuda on, int64_t columns, int64_t rows) {
  const int64_t threads = std::clamp((columns + 31) / 32 * 32, int64_t{32}, int64_t{256});
  return {dim3(blocks_for(columns, threads, INT32_MAX), blocks_for(rows, 1, most_rows_at_once)),
          static_cast<unsigned>(threads), 0, stream_of(on)};
}

/// Which of them the thread has.
__device__ inline int64_t column_of_thread() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }

/// Whole warps for a row of so many columns or packs that one block has, of which a thread takes `each` or more.
inline unsigned threads_of_row(int64_t columns, int64_t each) {
  constexpr int64_t warp = 32, most = 512;
  return static_cast<unsigned>(std::clamp((columns + each * warp - 1) / (each * warp) * warp, warp, most));
}

}  // namespace modr::kernels
