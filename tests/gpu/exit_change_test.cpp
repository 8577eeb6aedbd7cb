// kernels/cuda/exit_change.cu against its twins on the CPU.
#include "kernels/api/exit_change.hpp"

#include <algorithm>

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class LatentChange : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(LatentChange, Types);
template <typename T>
class DistributionChanges : public testing::Test {};
using ExactTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(DistributionChanges, ExactTypes);

TYPED_TEST(LatentChange, OfRows) {
  using T = TypeParam;
  for (const bool cosine : {false, true})
    for (const auto& [rows, width] : {std::pair<int64_t, int64_t>{1, 1}, {1, 64}, {3, 257}, {300, 9}, {2, 5003}})
      expect_close<double>(values<T>(2 * rows * width), 1, 1, 256,
                           [=, rows = rows, width = width](auto on, const T* x, double* value) {
                             latent_change(on, x, x + rows * width, rows, width, cosine, value);
                           });
}

TYPED_TEST(DistributionChanges, OverThreeSteps) {
  using T = TypeParam;
  for (const auto what : {DistributionChange::entropy, DistributionChange::kl, DistributionChange::minp_kl})
    for (const int64_t n : {1, 5, 300, 5003}) {
      const auto run = [=](auto on, const T* logits, double* out) {
        double *before = out + 3, *value = out;
        fill(on, 1.0 / static_cast<double>(n), n, before);
        for (int64_t step = 0; step < 3; ++step)
          distribution_change(on, logits + step * n, n, what, before, value + step);
      };
      expect_close<double>(values<T>(3 * n), 3 + n, 1, 4096, run);
    }
}

TYPED_TEST(DistributionChanges, WhereOneIsImpossible) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  for (const auto what : {DistributionChange::entropy, DistributionChange::kl, DistributionChange::minp_kl}) {
    const auto run = [=](auto on, const T* logits, double* out) {
      fill(on, 0.0, int64_t{4}, out);
      distribution_change(on, logits, 4, what, out, out + 4);
      distribution_change(on, logits + 4, 4, what, out, out + 5);
    };
    expect_close<double>(std::vector<T>{T(1), -inf, T(-3), T(2), T(0), -inf, T(9), T(-1)}, 6, 1, 64, run);
  }
}

TYPED_TEST(DistributionChanges, WhereAPartIsImpossible) {  // (a block has 1024 values)
  using T = TypeParam;
  std::vector<T> logits = values<T>(2500);
  std::fill_n(logits.begin(), 1100, -std::numeric_limits<T>::infinity());
  const auto run = [=](auto on, const T* in, double* out) {
    fill(on, 0.0, int64_t{2500}, out);
    distribution_change(on, in, 2500, DistributionChange::kl, out, out + 2500);
  };
  expect_close<double>(logits, 2501, 1, 64, run);
}

TYPED_TEST(DistributionChanges, ANaNStaysOne) {
  using T = TypeParam;
  const std::vector<T> logits{T(1), std::numeric_limits<T>::quiet_NaN(), T(2)};
  for (const auto what : {DistributionChange::entropy, DistributionChange::kl, DistributionChange::minp_kl}) {
    const auto run = [=](auto on, const T* in, double* out) {
      fill(on, 1.0 / 3, int64_t{3}, out);
      distribution_change(on, in, 3, what, out, out + 3);
    };
    const auto is_nan = [](const std::vector<double>& expected, const std::vector<double>& found) {
      EXPECT_TRUE(std::isnan(expected[3]) && std::isnan(found[3]));
    };
    run_twins<double>(4, run, is_nan, run_orders(), logits);
  }
}

}  // namespace
}  // namespace modr::kernels
