#include <gtest/gtest.h>

#include <cmath>

#include "ops/linear.hpp"
#include "ops/lora_linear.hpp"
#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::random_tensor;

Tensor rounded(const Shape& shape, uint64_t seed) { return random_tensor(shape, seed).to(DType::bf16); }

// The two as close as a result rounded once to bf16 is (2^-8), seen from the largest value.
void expect_close(const Tensor& got, const Tensor& want, double tolerance = 1.0 / 256) {
  const std::vector<double> have = got.to_vector(), expected = want.to_vector();
  ASSERT_EQ(have.size(), expected.size());
  double largest = 0;
  for (double value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < have.size(); ++i) EXPECT_NEAR(have[i], expected[i], tolerance * largest) << i;
}

Tensor product(const Tensor& a, bool turn_a, const Tensor& b, bool turn_b) {
  const Tensor left = a.to(DType::f64), right = b.to(DType::f64);
  Tensor out = Tensor::empty({a.size(turn_a ? 1 : 0), b.size(turn_b ? 0 : 1)}, DType::f64);
  ops::matmul({left, turn_a}, {right, turn_b}, out);
  return out;
}

TEST(Bf16Product, IsTheProductOfTheRoundedMatrices) {
  struct Sizes {
    int64_t m, n, k;
  };
  for (const auto& [m, n, k] : {Sizes{1, 1, 1}, {3, 5, 7}, {64, 64, 64}, {33, 130, 65}, {2, 257, 31}, {1, 100, 200}, {2, 64, 32}, {1, 63, 33}, {0, 3, 4}})
    for (const bool turn_a : {false, true})
      for (const bool turn_b : {false, true}) {
        const Tensor a = rounded(turn_a ? Shape{k, m} : Shape{m, k}, 1), b = rounded(turn_b ? Shape{n, k} : Shape{k, n}, 2);
        const Tensor want = product(a, turn_a, b, turn_b);
        for (const DType to : {DType::bf16, DType::f32}) {
          const Tensor got = Tensor::full({m, n}, to, 3);
          ops::matmul({a, turn_a}, {b, turn_b}, got);
          expect_close(got, want, to == DType::f32 ? 1e-6 : 1.0 / 256);
          ops::matmul({a, turn_a}, {b, turn_b}, got, 1, 1);
          Tensor twice = want.clone();
          twice.scale(2);
          expect_close(got, twice, to == DType::f32 ? 1e-6 : 1.0 / 128);
        }
        if (turn_a) continue;
        const ops::Matrix packed = ops::pack({b.to(DType::f32), turn_b}, DType::bf16);
        const Tensor got = Tensor::full({m, n}, DType::bf16, 3);
        ops::matmul({a}, packed, got);
        expect_close(got, want);
        const Tensor exactly = Tensor::full({m, n}, DType::f32, 3);
        ops::matmul({a}, packed, exactly, 1, 1);
        Tensor more = Tensor::full({m, n}, DType::f64, 3);
        more.add(want);
        expect_close(exactly, more, 1e-6);
      }
}

TEST(Bf16Product, FactorsAndOtherTypesAreRefused) {
  const Tensor a = rounded({2, 2}, 1), out = Tensor::zeros({2, 2}, DType::bf16);
  EXPECT_THROW(ops::matmul({a}, {a}, out, 2), Error);
  EXPECT_THROW(ops::matmul({a}, {a}, out, 1, 0.5), Error);
  EXPECT_THROW(ops::matmul({a}, {a.to(DType::f32)}, out), Error);
  EXPECT_THROW(ops::pack({a.to(DType::f64)}, DType::bf16), Error);
  EXPECT_THROW(ops::pack({a}, DType::f32), Error);
}

// Value and gradients of `f` over bf16 rows against the same in f64 with the same rows.
void compare(const std::function<Variable(const std::vector<Variable>&)>& f, const std::vector<Tensor>& rows,
             const std::vector<Tensor>& weights, double tolerance, DType result = DType::bf16) {
  const auto run = [&](bool exactly) {
    std::vector<Variable> leaves;
    for (const Tensor& row : rows) leaves.emplace_back(exactly ? row.to(DType::f64) : row, true);
    for (const Tensor& weight : weights) leaves.emplace_back(weight.to(exactly ? DType::f64 : DType::f32), true);
    const Variable y = f(leaves);
    std::vector<Tensor> results{y.value()};
    backward(y, rounded(y.shape(), 77).to(y.dtype()));
    for (const Variable& leaf : leaves) {
      EXPECT_EQ(leaf.grad().dtype(), leaf.dtype());
      results.push_back(leaf.grad());
    }
    return results;
  };
  const std::vector<Tensor> got = run(false), want = run(true);
  EXPECT_EQ(got[0].dtype(), result);
  for (std::size_t i = 0; i < want.size(); ++i) expect_close(got[i], want[i], tolerance);
}

TEST(Bf16Linear, ValueAndGradientsOfTheRoundedRows) {
  const auto linear = [](const auto& in) { return ops::linear(in[0], in[1]); };
  const auto packed = [](const auto& in) {
    return ops::linear(in[0], in[1], ops::pack_weight(in[1].value(), in[0].dtype(), true));
  };
  const auto exactly = [](const auto& in) { return ops::linear_exact(in[0], in[1]); };
  const auto columns = [](const auto& in) { return ops::linear_columns(in[0], in[2], 3, in[1]); };
  const Tensor x = rounded({19, 24}, 1), weight = rounded({10, 24}, 2);
  compare(linear, {x}, {weight}, 1.0 / 256);
  compare(packed, {x}, {weight}, 1.0 / 256);
  compare(exactly, {x}, {weight}, 1.0 / 256, DType::f32);
  compare(columns, {x, rounded({19, 10}, 3)}, {rounded({10, 30}, 4)}, 1.0 / 128);
}

TEST(Bf16Lora, ValueAndGradientsOfTheRoundedRows) {
  const RowGroups groups = make_row_groups({{2, 0, 9}, {0, 9, 10}, {2, 10, 31}});
  for (const int64_t rank : {1, 3, 16, 20}) {
    const auto lora = [&](const auto& in) { return ops::lora_linear(in[0], in[1], {in[2], in[3], 0.5}, groups); };
    compare(lora, {rounded({31, 24}, 1)}, {rounded({40, 24}, 2), rounded({3, rank, 24}, 3), rounded({3, 40, rank}, 4)},
            1.0 / 64);
  }
}

// Ranks and widths around the kernels' blocks, in double against plain products.
TEST(Lora, RanksAndWidthsOfAnySize) {
  for (const int64_t rank : {1, 15, 16, 17, 40})
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{5, 300}, {257, 16}, {512, 31}}) {
      const auto groups = make_row_groups({{1, 0, 17}, {0, 17, 20}});
      const std::vector<Tensor> values{random_tensor({20, in}, 1), random_tensor({out, in}, 2),
                                       random_tensor({2, rank, in}, 3), random_tensor({2, out, rank}, 4)};
      const auto run = [&](bool merged) {
        std::vector<Variable> leaves;
        for (const Tensor& value : values) leaves.emplace_back(value, true);
        ops::LoraWeights lora{leaves[2], leaves[3], 0.3};
        if (merged) lora.merged = ops::merge(leaves[1], lora, DType::f64, true);
        const Variable y = ops::lora_linear(leaves[0], leaves[1], lora, groups);
        backward(y, random_tensor(y.shape(), 9));
        return std::pair{y.value(), leaves[0].grad()};
      };
      const auto [y, dx] = run(false);
      const auto [merged_y, merged_dx] = run(true);
      expect_close(y, merged_y, 1e-13);
      expect_close(dx, merged_dx, 1e-13);
    }
}

}  // namespace
}  // namespace modr
