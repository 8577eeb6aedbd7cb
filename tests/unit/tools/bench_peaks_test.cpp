#include "tools/bench/peaks.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.hpp"

namespace modr::tools {
namespace {

// A size that no number of threads divides.
TEST(BenchPeaks, ReadsAndCopiesAll) {
  BenchBuffer from(1000 * 64), to(1000 * 64);
  std::memset(from.data(), 0, from.size());
  uint64_t expected = 0;
  for (std::size_t i = 0; i < from.size() / 8; ++i) {
    const uint64_t word = i * i;
    std::memcpy(from.data() + 8 * i, &word, 8);
    expected += word;
  }
  EXPECT_EQ(read_memory(from), expected);
  copy_memory(from, to);
  EXPECT_EQ(std::memcmp(from.data(), to.data(), from.size()), 0);
  EXPECT_THROW(copy_memory(from, BenchBuffer(64)), Error);
}

TEST(BenchPeaks, ReadRate) { EXPECT_GT(measure_read_rate(Communicator::self(), 1 << 20, 1), 0); }

TEST(BenchPeaks, ProductOfTheReferenceSize) {
  Peaks peaks;
  peaks.products = {{DType::f32, 2048, 3.0, 2.0}, {DType::f32, 1024, 5.0, 4.0}, {DType::bf16, 1024, {}, {}}};
  EXPECT_EQ(peaks.product(DType::f32), 5.0);
  EXPECT_THROW(peaks.product(DType::bf16), Error);
}

TEST(BenchPeaks, TableLeavesOutWhatThereIsNot) {
  Peaks peaks;
  peaks.products = {{DType::bf16, 1024, {}, {}}};
  peaks.copy = 2e9;
  const BenchTable table = peaks_table(peaks);
  ASSERT_EQ(table.rows.size(), 4u);
  EXPECT_EQ(table.rows[0][2], BenchValue());
  EXPECT_EQ(table.rows[2][2], BenchValue(2.0));
}

}  // namespace
}  // namespace modr::tools
