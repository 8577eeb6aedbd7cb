#include "comm/chunks.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace modr {
namespace {

using Pieces = std::vector<std::pair<int64_t, int>>;

Pieces pieces_of(int64_t total, int64_t limit) {
  Pieces pieces;
  for_each_chunk(total, limit, [&](int64_t offset, int count) { pieces.emplace_back(offset, count); });
  return pieces;
}

TEST(Chunks, CoverAllElementsInOrder) {
  EXPECT_EQ(pieces_of(0, 3), Pieces{});
  EXPECT_EQ(pieces_of(2, 3), (Pieces{{0, 2}}));
  EXPECT_EQ(pieces_of(3, 3), (Pieces{{0, 3}}));
  EXPECT_EQ(pieces_of(7, 3), (Pieces{{0, 3}, {3, 3}, {6, 1}}));
}

TEST(Chunks, CountsAboveIntMaxAreCut) {
  constexpr int64_t int_max = 2147483647;
  EXPECT_EQ(pieces_of(5'000'000'000, max_mpi_count),
            (Pieces{{0, int_max}, {int_max, int_max}, {2 * int_max, 705032706}}));
}

TEST(Chunks, NarrowingIsChecked) {
  EXPECT_EQ(narrow_count(0), 0);
  EXPECT_EQ(narrow_count(2147483647), 2147483647);
  EXPECT_THROW(narrow_count(2147483648), Error);
  EXPECT_THROW(narrow_count(-1), Error);
  EXPECT_THROW(pieces_of(-1, 3), Error);
  EXPECT_THROW(pieces_of(1, 0), Error);
}

}  // namespace
}  // namespace modr
