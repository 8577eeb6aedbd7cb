#pragma once
// One place for the decision when a loop is worth several threads.
#include <omp.h>

#include <cstdint>

namespace modr::kernels {

/// Below this many elements a loop runs on one thread: starting a team costs some microseconds.
inline constexpr int64_t parallel_threshold = 1 << 15;

/// How many threads a loop that touches so many elements gets.
inline int64_t threads_for(int64_t work) {
  return work < parallel_threshold || omp_in_parallel() ? 1 : omp_get_max_threads();
}

/// Calls f(begin, end) on pieces that cover [0, n), in parallel when `work` (elements touched) is large. Which piece
/// an index falls into never changes its result, so results do not depend on the number of threads.
template <typename F>
void parallel_ranges(int64_t n, int64_t work, F f) {
  if (n < 2 || threads_for(work) == 1) {
    if (n > 0) f(int64_t{0}, n);
    return;
  }
#pragma omp parallel
  {
    const int64_t count = omp_get_num_threads(), index = omp_get_thread_num();
    const int64_t begin = n * index / count, end = n * (index + 1) / count;
    if (begin < end) f(begin, end);
  }
}

}  // namespace modr::kernels
