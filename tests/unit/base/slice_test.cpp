#include "base/slice.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"

namespace modr {
namespace {

TEST(RankSlice, CoversAllItemsInOrderWithSizesAtMostOneApart) {
  for (int64_t count : {0, 1, 3, 7, 8, 100})
    for (int size : {1, 2, 3, 4, 6, 8}) {
      int64_t end = 0, least = count, most = 0;
      for (int rank = 0; rank < size; ++rank) {
        const Slice slice = rank_slice(count, rank, size);
        EXPECT_EQ(slice.begin, end);
        end = slice.end;
        least = std::min(least, slice.count());
        most = std::max(most, slice.count());
      }
      EXPECT_EQ(end, count);
      EXPECT_LE(most - least, 1) << count << " items, " << size << " ranks";
    }
  EXPECT_THROW(rank_slice(4, 2, 2), Error);
  EXPECT_THROW(rank_slice(4, -1, 2), Error);
}

}  // namespace
}  // namespace modr
