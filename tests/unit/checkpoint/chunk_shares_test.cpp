#include "checkpoint/chunk_shares.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "checkpoint/chunk_grid.hpp"
#include "support/expect_error.hpp"

namespace modr {
namespace {

struct Sizes {
  int64_t n_embd, n_heads, intermediate_size, vocab_size, n_layers;
};

// Bytes of all chunks of a training run's checkpoint: weights and both moments, float32.
std::vector<std::size_t> chunks_of(const Sizes& sizes) {
  const int64_t width = sizes.n_embd, inner = sizes.intermediate_size;
  std::vector<Shape> shapes{{sizes.vocab_size, width}, {width, 2 * width}, {width}};
  for (int64_t layer = 0; layer < sizes.n_layers; ++layer) {
    for (int norm = 0; norm < 4; ++norm) shapes.push_back({width});
    shapes.push_back({2, 1, sizes.n_heads, width / sizes.n_heads});
    for (const Shape& matrix : {Shape{3 * width, width}, Shape{width, width}, Shape{2 * inner, width},
                                Shape{width, inner}})
      shapes.push_back(matrix);
  }
  std::vector<std::size_t> bytes;
  for (const Shape& shape : shapes)
    for (int copy = 0; copy < 3; ++copy) {
      const ChunkGrid grid(shape, sizeof(float));
      for (int64_t chunk = 0; chunk < grid.count(); ++chunk)
        bytes.push_back(static_cast<std::size_t>(grid.values(chunk).count()) * sizeof(float));
    }
  return bytes;
}

struct Balance {
  double mean, largest, chunk;  // bytes: of the shares, and the largest chunk
};

Balance balance_of(const std::vector<std::size_t>& chunks, int holders) {
  const std::vector<int> writers = deal_chunks(chunks, holders);
  std::vector<std::size_t> shares(static_cast<std::size_t>(holders));
  for (std::size_t i = 0; i < chunks.size(); ++i) shares.at(static_cast<std::size_t>(writers[i])) += chunks[i];
  const auto total = std::accumulate(shares.begin(), shares.end(), std::size_t{0});
  EXPECT_EQ(total, std::accumulate(chunks.begin(), chunks.end(), std::size_t{0}));
  return {static_cast<double>(total) / holders, static_cast<double>(std::ranges::max(shares)),
          static_cast<double>(std::ranges::max(chunks))};
}

constexpr Sizes huginn{5280, 55, 17920, 65536, 8}, medium{2048, 16, 5632, 32768, 8}, small{256, 4, 704, 65536, 4};

TEST(ChunkShares, AreEven) {
  for (const Sizes& sizes : {huginn, medium})
    for (const int replicas : {2, 64, 256, 1024}) {
      const Balance found = balance_of(chunks_of(sizes), replicas);
      ASSERT_GE(found.mean, 2 * found.chunk) << "the bound holds where there are so many chunks";
      EXPECT_LE(found.largest, 1.5 * found.mean) << replicas << " replicas, width " << sizes.n_embd;
    }
}

// A chunk is written by one rank: where there are not enough of them, one more than the mean is as even as it gets.
TEST(ChunkShares, AreWithinAChunkOfTheMean) {
  for (const Sizes& sizes : {huginn, medium, small})
    for (const int replicas : {1, 3, 64, 256, 1024, 5000}) {
      const Balance found = balance_of(chunks_of(sizes), replicas);
      EXPECT_LE(found.largest, found.mean + found.chunk) << replicas << " replicas, width " << sizes.n_embd;
    }
  EXPECT_EQ(balance_of(chunks_of(small), 5000).largest, balance_of(chunks_of(small), 5000).chunk);
}

TEST(ChunkShares, GoByBytesNotByNumber) {
  const std::vector<std::size_t> chunks{8, 1000, 8, 1000, 8, 8};  // dealt in turn, one would write 2,008
  EXPECT_EQ(balance_of(chunks, 2).largest, 1016);
  EXPECT_TRUE(deal_chunks({}, 3).empty());
  EXPECT_THROW(deal_chunks({}, 0), Error);
}

}  // namespace
}  // namespace modr
