#include "tools/bench/memory.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace modr::tools {
namespace {

TEST(BenchMemory, ReadsTheHighWaterMark) {
  std::istringstream status("Name:\tmodr\nVmPeak:\t  900 kB\nVmHWM:\t    123 kB\nVmRSS:\t  50 kB\n");
  EXPECT_EQ(parse_peak_rss(status), 123 * 1024);
  std::istringstream nothing("Name:\tmodr\n");
  EXPECT_EQ(parse_peak_rss(nothing), 0);
}

TEST(BenchMemory, GrowsWithWhatIsTouched) {
  constexpr std::size_t bytes = 256 << 20;
  const int64_t before = peak_rss_bytes();
  const std::vector<char> touched(bytes, 1);
  [[maybe_unused]] const char* volatile somebody_reads = touched.data();  // or Clang makes no such vector
  EXPECT_GE(peak_rss_bytes(), static_cast<int64_t>(bytes));
  EXPECT_GE(peak_rss_bytes(), before);
}

}  // namespace
}  // namespace modr::tools
