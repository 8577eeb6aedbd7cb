#include "tensor/arena.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/philox.hpp"

namespace modr {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

TEST(Arena, GapsServeAnySizeAndNeighboursBecomeOne) {
  Arena arena(64 * mib);
  std::byte* a = arena.take(2 * mib);
  std::byte* b = arena.take(2 * mib);
  std::byte* c = arena.take(2 * mib);
  EXPECT_EQ(arena.extent(), 6 * mib);
  arena.give_back(a, 2 * mib);
  arena.give_back(b, 2 * mib);
  EXPECT_EQ(arena.take(4 * mib), a);  // both gaps together
  arena.give_back(c, 2 * mib);
  EXPECT_EQ(arena.take(3 * mib), c);  // the gap at the end grows by what is missing
  EXPECT_EQ(arena.extent(), 8 * mib);
}

TEST(Arena, RefusesWhatItHasNoRoomFor) {
  Arena arena(8 * mib);
  EXPECT_EQ(arena.take(9 * mib), nullptr);
  std::byte* all = arena.take(8 * mib);
  ASSERT_NE(all, nullptr);
  EXPECT_TRUE(arena.contains(all + 8 * mib - 1));
  EXPECT_FALSE(arena.contains(all + 8 * mib));
  EXPECT_EQ(arena.take(1), nullptr);
}

TEST(Arena, ReleasedGapsAreZeroAndServeAgain) {
  Arena arena(8 * mib);
  std::byte* block = arena.take(mib);
  std::memset(block, 1, mib);
  arena.give_back(block, mib);
  arena.release();
  ASSERT_EQ(arena.take(mib), block);
  EXPECT_TRUE(std::all_of(block, block + mib, [](std::byte value) { return value == std::byte{0}; }));
}

// Random blocks come and go: none overlaps another, and little more is taken than is in use at once.
TEST(Arena, BlocksNeverOverlapAndGapsStaySmall) {
  Arena arena(1024 * mib);
  PhiloxSequence rng(1, RandomStream::data);
  struct Block {
    std::byte* data;
    std::size_t size;
  };
  std::vector<Block> blocks;
  std::size_t in_use = 0, peak = 0;
  for (int i = 0; i < 3000; ++i) {
    if (blocks.size() > 60) {
      const std::size_t at = rng.below(blocks.size());
      arena.give_back(blocks[at].data, blocks[at].size);
      in_use -= Arena::rounded(blocks[at].size);
      blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const std::size_t size = 1 + rng.below(2 * mib);
    std::byte* data = arena.take(size);
    ASSERT_NE(data, nullptr);
    for (const Block& other : blocks) ASSERT_TRUE(data + size <= other.data || other.data + other.size <= data);
    blocks.push_back({data, size});
    in_use += Arena::rounded(size);
    peak = std::max(peak, in_use);
  }
  EXPECT_LE(arena.extent(), peak + peak / 4);
}

}  // namespace
}  // namespace modr
