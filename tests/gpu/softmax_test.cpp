// kernels/cuda/softmax.cu against its twins on the CPU.
#include "kernels/api/softmax.hpp"

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class Softmax : public testing::Test {};
using ExactTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(Softmax, ExactTypes);
template <typename T>
class LossAndGradient : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(LossAndGradient, Types);

struct Size {
  int64_t rows, width;
};
// No rows, odd widths, rows that a block passes over many times, more rows than the threads that add losses up.
const Size sizes[] = {{0, 4}, {1, 1}, {3, 7}, {5, 64}, {300, 5}, {2, 8200}, {2, 5003}};

constexpr int32_t ignored = -100;

// Some labels beyond the first, every fourth one ignored.
std::vector<int32_t> labels_of(int64_t rows, int64_t vocab, bool all_there = false) {
  std::vector<int32_t> labels;
  for (int64_t row = 0; row < rows; ++row)
    labels.push_back(!all_there && row % 4 == 2 ? ignored : static_cast<int32_t>((row * 31 + 5) % vocab));
  return labels;
}

TYPED_TEST(Softmax, Forward) {
  using T = TypeParam;
  for (const Size& s : sizes)
    expect_close<T>(values<T>(s.rows * s.width), s.rows * s.width, 1e-3, 64,
                    [=](auto on, const T* x, T* y) { softmax(on, x, s.rows, s.width, y); });
}

TYPED_TEST(Softmax, ForwardOfLargeAndInfiniteValues) {
  using T = TypeParam;
  constexpr T inf = std::numeric_limits<T>::infinity();
  const std::vector<T> x{T(-1e4), T(1e4), T(1e4), T(0), -inf, T(2), T(1), -inf};
  expect_close<T>(x, 8, 1, 8, [=](auto on, const T* in, T* y) { softmax(on, in, 2, 4, y); });
}

TYPED_TEST(Softmax, NaNWhereNoneCanBeLargest) {
  using T = TypeParam;
  constexpr T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> x{-inf, -inf, inf, T(1), T(1), nan, nan, T(2), nan, nan};
  const auto all_nan = [](const std::vector<T>& expected, const std::vector<T>& found) {
    // (What a sum over -inf alone is on the CPU depends on how the compiler begins a largest value.)
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_TRUE((i == 0 || std::isnan(expected[i])) && std::isnan(found[i])) << i;
  };
  const auto run = [=](auto on, const T* in, T* y) { softmax(on, in, 5, 2, y); };
  run_twins<T>(10, run, all_nan, run_orders(), x);
  const auto sum = [=](auto on, const T* in, const int32_t* labels, T* log_sum_exp) {
    double* losses = reinterpret_cast<double*>(log_sum_exp + 6);
    fill(on, 0.0, int64_t{1}, losses);
    cross_entropy(on, CrossEntropy<T>{in, labels, 5, 2, ignored, log_sum_exp}, losses);
    fill(on, T(NAN), int64_t{3}, log_sum_exp + 5);
  };
  run_twins<T>(8, sum, all_nan, run_orders(), x, std::vector<int32_t>(5, ignored));
}

TYPED_TEST(Softmax, Backward) {
  using T = TypeParam;
  for (const Size& s : sizes) {
    const int64_t n = s.rows * s.width;
    expect_close<T>(values<T>(2 * n), n, static_cast<double>(s.width), 64,
                    [=](auto on, const T* in, T* dx) { softmax_backward(on, in, in + n, s.rows, s.width, dx); });
  }
}

// Of the labels' columns, rows in reverse; also where a logit is NaN.
TYPED_TEST(Softmax, LogProbabilities) {
  using T = TypeParam;
  for (const Size& s : sizes)
    for (const bool with_nan : {false, true}) {
      std::vector<T> logits = values<T>(s.rows * s.width);
      if (with_nan && s.rows > 0) logits[logits.size() / 2] = std::numeric_limits<T>::quiet_NaN();
      std::vector<int32_t> where;
      for (int64_t row = 0; row < s.rows; ++row) where.push_back(static_cast<int32_t>(s.rows - 1 - row));
      const std::vector<int32_t> columns = labels_of(s.rows, s.width, true);
      where.insert(where.end(), columns.begin(), columns.end());
      const auto check = [](const std::vector<double>& expected, const std::vector<double>& found) {
        for (std::size_t i = 0; i < expected.size(); ++i)
          ASSERT_TRUE(std::isnan(expected[i]) ? std::isnan(found[i])
                                              : std::abs(found[i] - expected[i]) <= 1e-13 * (1 + std::abs(expected[i])))
              << "element " << i << ": the CPU has " << expected[i] << ", the device " << found[i];
      };
      run_twins<double>(
          s.rows,
          [=](auto on, const T* x, const int32_t* at, double* out) {
            log_probabilities(on, x, s.width, at, at + s.rows, s.rows, out);
          },
          check, run_orders(), logits, where);
    }
}

TYPED_TEST(Softmax, CrossEntropy) {
  using T = TypeParam;
  for (const Size& s : sizes) {
    const auto loss = [=](auto on, const T* logits, const int32_t* labels, T* log_sum_exp, T* losses) {
      double* sum = reinterpret_cast<double*>(losses);
      fill(on, 0.25, int64_t{1}, sum);  // (two of T hold it)
      cross_entropy(on, CrossEntropy<T>{logits, labels, s.rows, s.width, ignored, log_sum_exp}, sum);
      convert(on, sum, int64_t{1}, losses + 2);
      fill(on, T(0), int64_t{2}, losses);
    };
    expect_close_pair<T, T>(values<T>(s.rows * s.width), labels_of(s.rows, s.width), s.rows, 3, 64, loss);
  }
}

TYPED_TEST(Softmax, CrossEntropyBackward) {
  using T = TypeParam;
  for (const Size& s : sizes) {
    const auto gradient = [=](auto on, const T* logits, const int32_t* labels, T* dlogits, T* log_sum_exp) {
      T* dy = log_sum_exp + s.rows;
      fill(on, T(0.7), int64_t{1}, dy);
      fill(on, T(std::log(static_cast<double>(s.width))), s.rows, log_sum_exp);
      cross_entropy_backward(on, CrossEntropy<T>{logits, labels, s.rows, s.width, ignored, log_sum_exp}, 0.3, dy,
                             dlogits);
    };
    expect_close_pair<T, T>(values<T>(s.rows * s.width), labels_of(s.rows, s.width), s.rows * s.width, s.rows + 1, 16,
                            gradient);
  }
}

// As evaluation calls it, and as training does, where the gradient may take the place of the logits.
TYPED_TEST(LossAndGradient, OfRows) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const bool wanted : {true, false})
    for (const Size& s : sizes) {
      const int64_t n = s.rows * s.width;
      const auto run = [=](auto on, const E* from, const int32_t* labels, T* dlogits, E* rest) {
        double* in_double = reinterpret_cast<double*>(rest);
        E *losses = rest + 2 * s.rows, *logits = losses + s.rows;
        if constexpr (std::is_same_v<T, E>)
          if (wanted) logits = dlogits;
        convert(on, from, n, logits);
        cross_entropy_and_gradient(on, CrossEntropyAndGradient<T>{logits, labels, s.rows, s.width, E(0.3), in_double,
                                                                  wanted ? dlogits : nullptr});
        convert(on, in_double, s.rows, losses);
        fill(on, E(0), 2 * s.rows, rest);
        fill(on, E(0), n, losses + s.rows);
        if (!wanted) fill(on, T(0.0f), n, dlogits);
      };
      expect_close_pair<T, E>(values<E>(n), labels_of(s.rows, s.width, true), n, 3 * s.rows + n, 64, run);
    }
}

}  // namespace
}  // namespace modr::kernels
