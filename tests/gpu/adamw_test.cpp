// kernels/cuda/adamw.cu against its twin on the CPU.
#include "kernels/api/adamw.hpp"

#include "kernels/api/elementwise.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class AdamW : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(AdamW, Types);

// m, v and p one behind the other, where they hold packs (and the last values do not fill one), or where they do not.
TYPED_TEST(AdamW, TwoSteps) {
  using T = TypeParam;
  for (const int64_t n : {0, 1, 3, 256, 1001, 4096})
    for (const int64_t apart : {(n + 3) / 4 * 4, n + 1})
      expect_close<T>(values<T>(n + 3 * apart), 3 * apart, 1, 16, [=](auto on, const T* in, T* out) {
        convert(on, in + n, 3 * apart, out);
        fill(on, T(0.01), apart, out + apart);  // (a mean square)
        for (const int64_t step : {1, 2})
          adamw(on, AdamWStep{1e-2, 0.9, 0.95, 1e-8, 0.1, step}, in, n, out, out + apart, out + 2 * apart);
      });
}

TYPED_TEST(AdamW, MoreThanAllBlocksAtOnce) {
  using T = TypeParam;
  constexpr int64_t n = 4096 * 256 + 257;
  const auto run = [=](auto on, const T* in, T* out) {
    fill(on, T(0.5), 3 * n, out);
    adamw(on, AdamWStep{1e-2, 0.9, 0.95, 1e-8, 0.1, 3}, in, n, out, out + n, out + 2 * n);
  };
  run_twins<T>(3 * n, run, check_closeness<T>(1, 16), {run_orders()[2]}, values<T>(n));
}

}  // namespace
}  // namespace modr::kernels
