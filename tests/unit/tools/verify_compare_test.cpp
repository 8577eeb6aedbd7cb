#include <gtest/gtest.h>

#include <cmath>

#include "tools/verify/compare.hpp"

namespace modr::tools {
namespace {

const double nan = std::nan("");

// Whether one dataset that was computed as `got` passes against `want`.
bool passes(std::vector<double> got, std::vector<double> want, RowMask mask = nullptr) {
  Computed computed;
  computed.relative("x", std::move(got), 1e-2, std::move(mask));
  return compare(computed, {{"x", std::move(want)}}).passed();
}

TEST(Compare, RelativeToTheLargest) {
  EXPECT_TRUE(passes({100, 1}, {100, 1.9}));
  EXPECT_FALSE(passes({100, 1}, {100, 2.1}));
  EXPECT_FALSE(passes({1, 2}, {1, 2, 3}));
}

TEST(Compare, ZerosHaveToBeZeros) {
  EXPECT_TRUE(passes({0, 0}, {0, 0}));
  EXPECT_FALSE(passes({0, 1e-30}, {0, 0}));
}

TEST(Compare, WhatIsNotANumberFails) {
  EXPECT_FALSE(passes({1, nan}, {1, 1}));
  EXPECT_FALSE(passes({1, 1}, {1, nan}));
  EXPECT_FALSE(passes({1, nan}, {1, nan}));
  EXPECT_FALSE(passes({nan}, {nan}));
  EXPECT_FALSE(passes({1, INFINITY}, {1, INFINITY}));
  Computed computed;
  computed.absolute("loss", nan, 1);
  EXPECT_FALSE(compare(computed, {{"loss", {1}}}).passed());
  EXPECT_FALSE(compare(computed, {{"loss", {nan}}}).passed());
}

TEST(Compare, NanMeetsNanWhereItMeansSomething) {
  const auto passes_with_nan = [](std::vector<double> got, std::vector<double> want) {
    Computed computed;
    computed.relative_or_nan("x", std::move(got), 1e-2);
    return compare(computed, {{"x", std::move(want)}}).passed();
  };
  EXPECT_TRUE(passes_with_nan({1, nan}, {1, nan}));
  EXPECT_FALSE(passes_with_nan({1, nan}, {1, 0}));
  EXPECT_FALSE(passes_with_nan({1, 0}, {1, nan}));
}

TEST(Compare, OnlyPaddingIsLeftOut) {
  const RowMask mask = make_mask({1, 0});
  EXPECT_TRUE(passes({1, 2, nan, 4}, {1, 2, 3, nan}, mask));
  EXPECT_FALSE(passes({1, 2, 3, 4}, {1, 3, 3, 4}, mask));
  EXPECT_FALSE(passes({1, 2}, {1, 2}, make_mask({0, 0}))) << "nothing was compared";
  EXPECT_FALSE(passes({1, 2, 3}, {1, 2, 3}, mask)) << "the mask does not fit";
}

TEST(Compare, NothingIsAFailure) {
  EXPECT_FALSE(compare({}, {}).passed());
  EXPECT_FALSE(passes({}, {}));
  Computed computed;
  computed.exact("ids", std::vector<int64_t>{});
  EXPECT_FALSE(compare(computed, {{"ids", {}}}).passed());
  EXPECT_FALSE(VerifyReport().passed());
}

TEST(Compare, WhatIsNotOnBothSidesFails) {
  Computed computed;
  computed.exact("ids", std::vector<int32_t>{1, 2});
  EXPECT_TRUE(compare(computed, {{"ids", {1, 2}}}).passed());
  EXPECT_FALSE(compare(computed, {}).passed());
  EXPECT_FALSE(compare(computed, {{"ids", {1, 2}}, {"text", {}}}).passed());
  EXPECT_FALSE(compare(computed, {{"ids", {1, 3}}}).passed());
  computed.empty_group("runs");
  EXPECT_FALSE(compare(computed, {{"ids", {1, 2}}}).passed());
}

}  // namespace
}  // namespace modr::tools
