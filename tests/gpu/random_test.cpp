// kernels/cuda/random.cu against its twins on the CPU: the same bits, since both have the same log and cos here.
#include "kernels/api/random.hpp"

#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

template <typename T>
class Uniform : public testing::Test {};
using ExactTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(Uniform, ExactTypes);
template <typename T>
class TruncatedNormal : public testing::Test {};
using Types = testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(TruncatedNormal, Types);

const PhiloxStream stream(7, RandomStream::init, 11, 13);
const std::vector<float> nothing;

TYPED_TEST(Uniform, FromAnyDrawOn) {
  using T = TypeParam;
  for (const int64_t first : {0, 1, 1000001})
    for (const int64_t n : {0, 1, 2, 1001})
      expect_same_bits<T>(nothing, n, [=](auto on, const float*, T* out) { uniform(on, stream, first, 0.3, n, out); });
}

// Values that one block draws alone, and those for which attempts are counted first.
TYPED_TEST(TruncatedNormal, OfOneStream) {
  using T = TypeParam;
  for (const double limit : {0.5, 3.0})
    for (const int64_t n : {0, 1, 257, 5001, 20000})
      expect_same_bits<T>(nothing, n, [=](auto on, const float*, T* out) {
        truncated_normal(on, stream, NormalScale{0.02}, limit, n, out);
      });
}

TYPED_TEST(TruncatedNormal, WithTwoStandardDeviations) {
  using T = TypeParam;
  for (const int64_t n : {10, 6000})
    for (const int64_t from : {int64_t{0}, int64_t{7}, n - 1, n})
      expect_same_bits<T>(nothing, n, [=](auto on, const float*, T* out) {
        truncated_normal(on, stream, NormalScale{0.02, from, 0.7}, 2, n, out);
      });
}

// More blocks of attempts than the block that adds up their counts has threads.
TYPED_TEST(TruncatedNormal, OfManyAttempts) {
  using T = TypeParam;
  constexpr int64_t n = 2048 * 300;
  const auto draw = [=](auto on, const float*, T* out) { truncated_normal(on, stream, NormalScale{1}, 3, n, out); };
  expect_same_bits<T>(nothing, n, draw, {run_orders()[3]});
}

// So narrow that values are missing after the first round.
TYPED_TEST(TruncatedNormal, WithANarrowLimit) {
  using T = TypeParam;
  constexpr int64_t n = 4100;
  const auto draw = [=](auto on, const float*, T* out) { truncated_normal(on, stream, NormalScale{1}, 0.06, n, out); };
  expect_same_bits<T>(nothing, n, draw, {run_orders()[0], run_orders()[3]});
}

TYPED_TEST(TruncatedNormal, OfRowsWithTheirStreams) {
  using T = TypeParam;
  std::vector<PhiloxStream> streams;
  for (uint32_t row = 0; row < 9; ++row) streams.emplace_back(3, RandomStream::initial_state, 5, row);
  for (const int64_t rows : {0, 1, 9})
    for (const int64_t width : {1, 60, 600})
      expect_same_bits<T>(streams, rows * width, [=](auto on, const PhiloxStream* of_rows, T* out) {
        truncated_normal_rows(on, of_rows, 0.4, 1.5, rows, width, out);
      });
}

}  // namespace
}  // namespace modr::kernels
