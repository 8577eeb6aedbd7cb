#include "base/on_threads.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace modr {
namespace {

TEST(OnThreads, DoesEachPieceOnce) {
  for (const int threads : {1, 2, 7})
    for (const int64_t count : {0, 1, 2, 100}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
      on_threads(threads, count, [&](int64_t i) { ++done.at(static_cast<std::size_t>(i)); });
      for (const auto& times : done) EXPECT_EQ(times, 1) << threads << " threads, " << count << " pieces";
    }
}

TEST(OnThreads, ThrowsWhatAThreadThrew) {
  for (const int threads : {1, 3}) {
    std::atomic<int64_t> begun = 0;
    try {
      on_threads(threads, 1'000'000, [&](int64_t i) {
        ++begun;
        if (i == 5) throw std::runtime_error("piece 5");
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "piece 5");
    }
    if (threads == 1) {
      EXPECT_EQ(begun, 6) << "the rest is left out";
    }
  }
}

}  // namespace
}  // namespace modr
