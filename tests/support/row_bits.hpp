#pragma once
// Whether rows that share a call come out as they do alone, to the bit.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <functional>

#include "tensor/tensor_bytes.hpp"

namespace modr::testing {

/// Rows of a result, by the first row and the number of rows that go in.
using RowsOf = std::function<Tensor(int64_t first, int64_t count)>;

/// How many of `rows` of `got` differ from the same rows of `want` in any bit; `want` begins at row `first` of it.
inline int64_t differing_rows(const Tensor& got, const Tensor& want, int64_t first) {
  const auto have = bytes_of(got.contiguous()), all = bytes_of(want);
  const std::size_t row = all.size() / static_cast<std::size_t>(want.size(0));
  int64_t differing = 0;
  for (int64_t i = 0; i < got.size(0); ++i) {
    const auto at = static_cast<std::size_t>(i), behind = static_cast<std::size_t>(first + i);
    differing += !std::ranges::equal(have.subspan(at * row, row), all.subspan(behind * row, row));
  }
  return differing;
}

/// The number of rows, from 1 up, that are tried together.
inline std::vector<int64_t> row_counts() {
  std::vector<int64_t> counts{100, 257};
  for (int64_t m = 1; m <= 64; ++m) counts.push_back(m);
  return counts;
}

/// Each of 257 rows alone against all of row_counts() together, somewhere among them, with one and with two threads.
inline void expect_rows_alone(const RowsOf& run) {
  constexpr int64_t all = 257;
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const Tensor first = run(0, 1);
  const Tensor alone = Tensor::empty(first.shape().with(0, all), first.dtype());
  for (int64_t i = 0; i < all; ++i) alone.slice(0, i, i + 1).copy_from(run(i, 1));
  for (const int threads : {1, 2}) {
    omp_set_num_threads(threads);
    for (const int64_t count : row_counts()) {
      const int64_t at = (7 * count) % (all - count + 1);
      EXPECT_EQ(differing_rows(run(at, count), alone, at), 0)
          << count << " rows from " << at << " with " << threads << " threads";
    }
  }
  omp_set_num_threads(before);
}

}  // namespace modr::testing
