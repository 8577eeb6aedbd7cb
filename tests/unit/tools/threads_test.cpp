#include "tools/cli/threads.hpp"

#include <gtest/gtest.h>

namespace modr::tools {
namespace {

TEST(Threads, ARankGetsTheCoresItIsBoundToOrItsPart) {
  EXPECT_EQ(fair_threads(16, 16, 1), 16);
  EXPECT_EQ(fair_threads(16, 16, 4), 4);
  EXPECT_EQ(fair_threads(4, 16, 4), 4) << "bound by mpirun";
  EXPECT_EQ(fair_threads(16, 16, 5), 3);
  EXPECT_EQ(fair_threads(2, 2, 8), 1);
}

}  // namespace
}  // namespace modr::tools
