// kernels/cuda/decode_product.cu against its twin on the CPU.
#include "kernels/api/decode_product.hpp"

#include <string>

#include "kernels/api/gemm.hpp"
#include "support/twins.hpp"

namespace modr::kernels {
namespace {

using namespace modr::test;

enum class Made { plain, normed, normed_twice, outer_alone, gated };
constexpr Made all_made[] = {Made::plain, Made::normed, Made::normed_twice, Made::outer_alone, Made::gated};

// Rows and a weight of random values of about 1, where a place can read them.
struct Inputs {
  Inputs(int64_t m, int64_t n, int64_t k)
      : x(values<bfloat16>(m * 2 * k, 1)),
        residual(values<bfloat16>(m * k, 2)),
        weight(values<bfloat16>(n * k, 3)),
        outer(values<float>(k, 4)),
        norm(values<float>(k, 5)) {}
  std::vector<bfloat16> x, residual, weight;
  std::vector<float> outer, norm;
};

template <typename Bytes, typename Floats>
MadeRows rows_of(Made made, const Bytes& x, const Bytes& residual, const Floats& outer, const Floats& norm,
                 bfloat16* kept) {
  MadeRows rows{x.data()};
  rows.eps = 1e-5f;
  rows.gate = made == Made::gated;
  if (made == Made::normed || made == Made::normed_twice) rows.norm = norm.data();
  if (made == Made::normed_twice || made == Made::outer_alone) {
    rows.residual = residual.data();
    rows.outer = outer.data();
    rows.kept = kept;
  }
  return rows;
}

template <typename C>
struct Result {
  std::vector<C> c;
  std::vector<bfloat16> kept;
};

template <typename C>
Result<C> on_cpu(Made made, const Inputs& in, const PackedGemm& s, const std::vector<C>& before) {
  Result<C> result{before, std::vector<bfloat16>(static_cast<std::size_t>(s.m * s.k))};
  std::vector<std::byte> packed(packed_size(Cpu{}, s.k, s.n));
  pack(Cpu{}, s.k, s.n, in.weight.data(), s.k, true, packed.data());
  decode_product(Cpu{}, rows_of(made, in.x, in.residual, in.outer, in.norm, result.kept.data()), s, packed.data(),
                 result.c.data());
  return result;
}

template <typename C>
Result<C> on_device(Made made, const Inputs& in, const PackedGemm& s, const std::vector<C>& before) {
  const DeviceStream stream;
  const DeviceVector<bfloat16> x(in.x), residual(in.residual), weight(in.weight);
  const DeviceVector<float> outer(in.outer), norm(in.norm);
  const DeviceVector<C> c(before);
  const DeviceVector<bfloat16> kept(static_cast<std::size_t>(s.m * s.k));
  decode_product(stream.place(), rows_of(made, x, residual, outer, norm, kept.data()), s,
                 reinterpret_cast<const std::byte*>(weight.data()), c.data());
  check_cuda(cudaStreamSynchronize(stream.get()), "the kernel");
  Result<C> result{c.values(), {}};
  if (made == Made::normed_twice || made == Made::outer_alone) result.kept = kept.values();
  return result;
}

template <typename C>
class DecodeProduct : public testing::Test {};
using Results = testing::Types<float, bfloat16>;
TYPED_TEST_SUITE(DecodeProduct, Results);

// Values that are added to, or overwritten; between rows there is something that stays.
template <typename C>
std::vector<C> before(const PackedGemm& s) {
  std::vector<C> c = values<C>(s.m * s.ldc, 9);
  if (s.accumulate) return c;
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) c[static_cast<std::size_t>(i * s.ldc + j)] = static_cast<C>(std::nanf(""));
  return c;
}

// A made row may differ by a rounding of bfloat16, since sums of squares have another order, and exp is another.
template <typename C>
void expect_same_products(Made made, const PackedGemm& s) {
  const Inputs in(s.m, s.n, s.k);
  const Result<C> expected = on_cpu(made, in, s, before<C>(s));
  const bool is_exact = made == Made::plain && sizeof(C) == sizeof(float);
  const double allowed = is_exact ? 32 * rounding<float>() : 4 * rounding<bfloat16>();
  for (const RunOrder& order : run_orders()) {
    SCOPED_TRACE(std::to_string(s.m) + " x " + std::to_string(s.k) + " x " + std::to_string(s.n) + ", rows of kind " +
                 std::to_string(static_cast<int>(made)) + ", " + text_of(order));
    set_order(order);
    const Result<C> found = on_device(made, in, s, before<C>(s));
    for (std::size_t i = 0; i < expected.c.size(); ++i) {
      const double e = double(expected.c[i]);
      ASSERT_LE(std::abs(e - double(found.c[i])), allowed * (std::sqrt(double(s.k)) + 1 + std::abs(e))) << i;
    }
    for (std::size_t i = 0; i < found.kept.size(); ++i) {
      const double e = double(expected.kept[i]);
      ASSERT_LE(std::abs(e - double(found.kept[i])), 2 * rounding<bfloat16>() * (1 + std::abs(e))) << "kept " << i;
    }
    if (testing::Test::HasFailure()) break;
  }
  set_order({});
}

TYPED_TEST(DecodeProduct, OfRowsOfAllKinds) {
  const int64_t sizes[][3] = {{1, 1, 8}, {1, 100, 264}, {2, 7, 64}, {3, 133, 1032}, {4, 40, 40}, {0, 5, 8}, {2, 0, 8}};
  for (const auto& [m, n, k] : sizes)
    for (const Made made : all_made)
      for (const bool accumulate : {false, true})
        expect_same_products<TypeParam>(made, {m, n, k, k, n + (accumulate ? 3 : 0), accumulate});
}

// With the identity for a weight the product is the row.
TEST(DecodeRows, AreThoseOfTheirKernels) {
  const int64_t m = 3, k = 96;
  for (const Made made : all_made) {
    Inputs in(m, k, k);
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < k; ++j) in.weight[static_cast<std::size_t>(i * k + j)] = bfloat16(i == j ? 1.0f : 0.0f);
    const PackedGemm s{m, k, k, k, k, false};
    const auto expected = on_cpu(made, in, s, before<float>(s)).c, found = on_device(made, in, s, before<float>(s)).c;
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_LE(std::abs(expected[i] - found[i]), 2 * rounding<bfloat16>() * (1 + std::abs(expected[i]))) << i;
  }
}

TEST(DecodeRows, HaveTheBitsOfEachAlone) {
  const int64_t m = 4, n = 50, k = 328;
  Inputs in(m, n, k);
  for (const Made made : all_made) {
    const PackedGemm all{m, n, k, k, n, false}, one{1, n, k, k, n, false};
    const Result<float> together = on_device(made, in, all, before<float>(all));
    for (int64_t row = 0; row < m; ++row) {
      Inputs alone(1, n, k);
      const int64_t width = made == Made::gated ? 2 * k : k;
      alone.weight = in.weight;
      alone.x.assign(in.x.begin() + row * width, in.x.begin() + (row + 1) * width);
      alone.residual.assign(in.residual.begin() + row * k, in.residual.begin() + (row + 1) * k);
      const std::vector<float> c = on_device(made, alone, one, before<float>(one)).c;
      EXPECT_TRUE(same_bits(c, std::vector<float>(together.c.begin() + row * n, together.c.begin() + (row + 1) * n)));
    }
  }
}

// gemm_bf16() of few rows takes the same kernel, where rows are apart and packs are whole; else cuBLASLt.
TEST(FewRows, OfAGeneralProduct) {
  for (const int64_t apart : {0, 8, 3}) {
    const GemmShape shape{false, true, 3, 21, 72, 72 + apart, 72 + apart, 30};
    const std::vector<bfloat16> a = values<bfloat16>(3 * shape.lda, 1), b = values<bfloat16>(21 * shape.ldb, 2);
    std::vector<float> expected(90), found;
    gemm_bf16(Cpu{}, shape, a.data(), b.data(), false, expected.data());
    const DeviceVector<bfloat16> on_a(a), on_b(b);
    const DeviceVector<float> c(std::vector<float>(90));
    gemm_bf16(Cuda{}, shape, static_cast<const bfloat16*>(on_a.data()), static_cast<const bfloat16*>(on_b.data()),
              false, c.data());
    check_closeness<float>(9, 32)(expected, c.values());
  }
}

}  // namespace
}  // namespace modr::kernels
