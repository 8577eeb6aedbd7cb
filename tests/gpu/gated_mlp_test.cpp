// kernels/cuda/gated_mlp.cu against its twins on the CPU.
#include "kernels/api/gated_mlp.hpp"

#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class GatedMlp : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(GatedMlp, Types);

struct Size {
  int64_t rows, width;
};
const Size sizes[] = {{0, 8}, {1, 1}, {3, 7}, {5, 64}, {70, 24}, {2, 2312}, {2, 4099}};

TYPED_TEST(GatedMlp, SiluGate) {
  using T = TypeParam;
  for (const Size& s : sizes)
    expect_close<T>(values<T>(2 * s.rows * s.width), s.rows * s.width, 0.1, 16,
                    [=](auto on, const T* ab, T* out) { silu_gate(on, ab, s.rows, s.width, out); });
}

TYPED_TEST(GatedMlp, SiluGateBackward) {
  using T = TypeParam;
  for (const Size& s : sizes)
    expect_close<T>(values<T>(3 * s.rows * s.width), 2 * s.rows * s.width, 0.5, 16, [=](auto on, const T* in, T* dab) {
      silu_gate_backward(on, in, in + s.rows * s.width, s.rows, s.width, dab);
    });
}

TYPED_TEST(GatedMlp, FarFromZero) {  // where exp overflows, and the CPU's stops at exp(87)
  using T = TypeParam;
  const std::vector<T> ab{T(-200.0f), T(-90.0f), T(90.0f), T(1e4f), T(1.5f), T(-2.0f), T(0.5f), T(3.0f)};
  expect_close<T>(ab, 4, 0.01, 16, [=](auto on, const T* in, T* out) { silu_gate(on, in, 1, 4, out); });
}

}  // namespace
}  // namespace modr::kernels
