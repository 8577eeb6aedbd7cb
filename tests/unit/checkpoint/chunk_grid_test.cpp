#include "checkpoint/chunk_grid.hpp"

#include <gtest/gtest.h>

#include "support/expect_error.hpp"

namespace modr {
namespace {

TEST(ChunkGrid, CutsEveryShapeIntoConsecutiveRanges) {
  for (const Shape& shape : {Shape{1}, Shape{7}, Shape{300, 1000}, Shape{4, 16, 1024}, Shape{1, 1, 2, 64},
                             Shape{3, 700, 257}, Shape{1001, 301}, Shape{2, 3'000'000}, Shape{5'000'000}})
    for (const std::size_t value_bytes : {2U, 4U, 8U}) {
      const ChunkGrid grid(shape, value_bytes);
      int64_t next = 0;
      for (int64_t chunk = 0; chunk < grid.count(); ++chunk) {
        const Slice values = grid.values(chunk);
        EXPECT_EQ(values.begin, next) << shape.to_string();
        EXPECT_LE(values.count(), grid.chunk_values());
        const std::vector<int64_t> start = grid.start(chunk), strides = shape.strides();
        int64_t first = 0;
        for (std::size_t dim = 0; dim < start.size(); ++dim) {
          EXPECT_EQ(start[dim] % grid.chunk()[dim], 0);
          first += start[dim] * strides[dim];
        }
        EXPECT_EQ(first, values.begin);
        next = values.end;
      }
      EXPECT_EQ(next, shape.numel()) << shape.to_string();
      EXPECT_LE(grid.chunk_values() * static_cast<int64_t>(value_bytes), 1 << 20);
    }
}

TEST(ChunkGrid, GivesBranchesChunksOfTheirOwn) {
  EXPECT_EQ(ChunkGrid(Shape{4, 16, 8}, 4).count(), 4);
  EXPECT_EQ(ChunkGrid(Shape{4, 512, 1024}, 4).chunk(), (std::vector<int64_t>{1, 256, 1024}));
  EXPECT_EQ(ChunkGrid(Shape{4, 16}, 4).count(), 1) << "a matrix has no branches";
}

TEST(ChunkGrid, HasLargerChunksForLargeTensors) {
  const ChunkGrid grid(Shape{65536, 65536}, 4);  // 16 GiB
  EXPECT_LE(grid.count(), 2048);
  EXPECT_EQ(grid.chunk()[1], 65536);
}

TEST(ChunkGrid, RefusesWhatHasNoValues) {
  expect_error([] { ChunkGrid(Shape{}, 4); }, {"shape [] cannot be chunked"});
  expect_error([] { ChunkGrid(Shape{3, 0}, 4); }, {"shape [3, 0] cannot be chunked"});
  expect_error([] { ChunkGrid(Shape{3}, 4).values(1); }, {"chunk 1 of 1"});
}

}  // namespace
}  // namespace modr
