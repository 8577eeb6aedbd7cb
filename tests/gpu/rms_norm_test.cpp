// kernels/cuda/rms_norm.cu against its twin on the CPU.
#include "kernels/api/rms_norm.hpp"

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class RmsNormTwins : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(RmsNormTwins, Types);

struct Size {
  int64_t rows, width;
  bool with_residual;
};
// No rows, rows of one value, odd widths (one value at a time), and rows wider than what a block keeps in registers.
const Size sizes[] = {{0, 8, true},   {1, 1, false},  {3, 7, true},    {5, 64, false},
                      {2, 257, true}, {40, 96, true}, {2, 8200, true}};

TYPED_TEST(RmsNormTwins, Forward) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Size& size : sizes) {
    const auto norm = [=](auto on, const T* x, const E* weight, T* y, E* inverse_rms) {
      const T* residual = size.with_residual ? x + size.rows * size.width : nullptr;
      rms_norm(on, RmsNorm<T>{x, residual, weight, E(1e-5), size.rows, size.width, y, inverse_rms});
    };
    const int64_t n = size.rows * size.width;
    // (Sums of squares: the CPU's is a single chain where the compiler makes no vectors of it.)
    expect_close_pair<T, E>(values<T>(2 * n), values<E>(size.width), n, size.rows, 64, norm);
  }
}

TYPED_TEST(RmsNormTwins, Backward) {
  using T = TypeParam;
  using E = Exact<T>;
  for (const Size& size : sizes) {
    const int64_t n = size.rows * size.width;
    std::vector<E> exact = values<E>(size.width + size.rows);
    for (E& value : exact) value = std::abs(value) + E(0.5);
    const auto gradients = [=](auto on, const T* in, const E* of, T* dx, E* sums) {
      E *dweight = sums, *shares = sums + size.width;
      fill(on, E(0.5), size.width, dweight);
      fill(on, E(0), rms_norm_pieces * size.width, shares);  // (where rows are few, not all of it is written)
      const T* residual = size.with_residual ? in + 2 * n : nullptr;
      rms_norm_backward(on, RmsNormBackward<T>{in, in + n, residual, of, of + size.width, size.rows, size.width, dx,
                                               dweight, shares});
    };
    expect_close_pair<T, E>(values<T>(3 * n), exact, n, (1 + rms_norm_pieces) * size.width, 64, gradients);
  }
}

TYPED_TEST(RmsNormTwins, BackwardOfWhatIsWanted) {
  using T = TypeParam;
  using E = Exact<T>;
  constexpr int64_t rows = 5, width = 24;
  const auto only_dx = [=](auto on, const T* in, const E* of, T* dx, E*) {
    const T* x = in + rows * width;
    rms_norm_backward(on, RmsNormBackward<T>{in, x, nullptr, of, of + width, rows, width, dx, nullptr, nullptr});
  };
  expect_close_pair<T, E>(values<T>(2 * rows * width), values<E>(width + rows), rows * width, 0, 64, only_dx);
}

}  // namespace
}  // namespace modr::kernels
