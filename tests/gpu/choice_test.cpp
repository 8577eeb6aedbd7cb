// kernels/cuda/choice.cu against its twins on the CPU: the same bits.
#include "kernels/api/choice.hpp"

#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class Choice : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Choice, Types);

struct Size {
  int64_t rows, width, count;
};
const Size sizes[] = {{0, 4, 2}, {1, 1, 1}, {7, 4, 2}, {9, 5, 5}, {30, 64, 3}, {3, 301, 8}};

// Values of which many are equal, some infinite and some NaN.
template <typename T>
std::vector<T> uneasy_values(int64_t n) {
  std::vector<T> all = values<T>(n);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % 3 == 0) all[i] = std::round(all[i]);
    if (i % 17 == 4) all[i] = -std::numeric_limits<T>::infinity();
    if (i % 29 == 5) all[i] = std::numeric_limits<T>::infinity();
    if (i % 31 == 6) all[i] = std::numeric_limits<T>::quiet_NaN();
  }
  return all;
}

std::vector<int32_t> some_columns(int64_t n, int64_t width) {  // some of them twice in a row
  std::vector<int32_t> columns;
  for (int64_t i = 0; i < n; ++i) columns.push_back(static_cast<int32_t>(i * i * 7 % width));
  return columns;
}

TYPED_TEST(Choice, GatherColumns) {
  using T = TypeParam;
  for (const Size& s : sizes)
    expect_same_bits<T, int32_t>(values<T>(s.rows * s.width), some_columns(s.rows * s.count, s.width), s.rows * s.count,
                                 [=](auto on, const T* x, const int32_t* columns, T* out) {
                                   gather_columns(on, x, columns, s.rows, s.count, s.width, out);
                                 });
}

TYPED_TEST(Choice, GatherColumnsBackward) {
  using T = TypeParam;
  for (const Size& s : sizes)
    expect_same_bits<T, int32_t>(values<T>(s.rows * s.count), some_columns(s.rows * s.count, s.width), s.rows * s.width,
                                 [=](auto on, const T* dout, const int32_t* columns, T* dx) {
                                   gather_columns_backward(on, dout, columns, s.rows, s.count, s.width, dx);
                                 });
}

TYPED_TEST(Choice, LargestColumns) {
  using T = TypeParam;
  for (const Size& s : sizes)
    expect_same_bits<int32_t, T>(uneasy_values<T>(s.rows * s.width), values<T>(s.width), s.rows * s.count,
                                 [=](auto on, const T* scores, const T* bias, int32_t* choices) {
                                   largest_columns(on, scores, bias, s.rows, s.width, s.count, choices);
                                 });
}

TYPED_TEST(Choice, LargestColumnsOfEqualValuesAndNaNs) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  const std::vector<T> scores{T(1), T(1), T(1), T(1), nan, T(-5), nan, -inf, nan, nan, nan, nan};
  expect_same_bits<int32_t, T>(scores, std::vector<T>(4, T(0)), 9, [](auto on, const T* x, const T* bias, int32_t* c) {
    largest_columns(on, x, bias, 3, 4, 3, c);
  });
}

TYPED_TEST(Choice, Argmax) {
  using T = TypeParam;
  for (const auto& [rows, width] :
       {std::pair<int64_t, int64_t>{0, 3}, {1, 1}, {7, 5}, {40, 33}, {3, 8200}, {2, 4099}}) {
    const auto run = [=, rows = rows, width = width](auto on, const T* x, int32_t* out) {
      argmax(on, x, rows, width, out);
    };
    expect_same_bits<int32_t>(values<T>(rows * width), rows, run);
    expect_same_bits<int32_t>(uneasy_values<T>(rows * width), rows, run);
    expect_same_bits<int32_t>(std::vector<T>(static_cast<std::size_t>(rows * width), T(2)), rows, run);
  }
}

TYPED_TEST(Choice, ArgmaxOfNaNsAndInfinities) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  const std::vector<T> x{T(1), nan, T(3), nan, T(1), T(2), T(0), -inf, T(-1), -inf, -inf, -inf, T(5), inf, T(2)};
  expect_same_bits<int32_t>(x, 5, [](auto on, const T* in, int32_t* out) { argmax(on, in, 5, 3, out); });
}

}  // namespace
}  // namespace modr::kernels
