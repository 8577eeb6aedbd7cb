// Ops on rows of bf16, with exact weights, against the same ops in f32 on the same (rounded) numbers: values and
// gradients differ by one rounding at the store, 2^-9 relative, where nothing is rounded in between.
#include <gtest/gtest.h>

#include "ops/arithmetic.hpp"
#include "ops/cast.hpp"
#include "ops/combine.hpp"
#include "ops/embedding.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/score.hpp"
#include "ops/silu_gate.hpp"
#include "support/grad_check.hpp"
#include "support/single_rows.hpp"

namespace modr {
namespace {

using testing::random_tensor;

struct Leaf {
  Shape shape;
  bool exact = false;  // a parameter or a gate
};

struct Bf16Case {
  const char* name;
  std::vector<Leaf> leaves;
  std::function<Variable(const std::vector<Variable>&, DType)> op;  // with the dtype of the rows
};

Indices some_indices(int64_t count, int64_t below) {
  std::vector<int32_t> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<int32_t>(i * 7 % below));
  return make_indices(std::move(values));
}

// Large enough for several threads, and widths that are no multiple of a vector.
std::vector<Bf16Case> cases() {
  const auto combine = [](ops::Gate gate) {
    return [gate](const auto& in, DType) {
      return ops::combine(in[0], in[1], testing::single_rows(some_indices(60, 60), 20), gate);
    };
  };
  return {
      {"add", {{{300, 150}}, {{300, 150}}}, [](const auto& in, DType) { return ops::add(in[0], in[1]); }},
      {"rms_norm",
       {{{300, 150}}, {{150}, true}},
       [](const auto& in, DType) { return ops::rms_norm(in[0], in[1], 1e-3); }},
      {"add_rms_norm",
       {{{300, 150}}, {{300, 150}}, {{150}, true}},
       [](const auto& in, DType) { return ops::add_rms_norm(in[0], in[1], in[2], 1e-3); }},
      {"rope",
       {{{120, 3 * 2 * 70}}, {{2, 1, 2, 70}, true}},
       [](const auto& in, DType) {
         return ops::rope(in[0], in[1], ops::rope_table(50, 70, 1000), some_indices(120, 50));
       }},
      {"silu_gate", {{{300, 302}}}, [](const auto& in, DType) { return ops::silu_gate(in[0]); }},
      {"combine", {{{60, 3, 700}}, {{20, 3}, true}}, combine(ops::Gate::raw)},
      {"combine_straight_through", {{{60, 3, 700}}, {{20, 3}, true}}, combine(ops::Gate::straight_through)},
      {"embedding",
       {{{9, 150}, true}},
       [](const auto& in, DType dtype) { return ops::embedding(some_indices(300, 9), in[0], 2.5, dtype); }},
      {"gather_rows",
       {{{300, 150}}},
       [](const auto& in, DType) { return ops::gather_rows(in[0], some_indices(300, 300)); }},
      {"masked_mean",
       {{{300, 150}}},
       [](const auto& in, DType) {
         std::vector<uint8_t> mask(300, 1);
         mask[7] = mask[299] = 0;
         return ops::masked_mean(in[0], uniform_offsets(10, 30), make_mask(mask));
       }},
      {"cast",
       {{{300, 150}}},
       [](const auto& in, DType dtype) {
         return ops::cast(in[0], dtype == DType::bf16 ? DType::f32 : DType::f64);
       }},
  };
}

class Bf16Op : public ::testing::TestWithParam<Bf16Case> {};

void expect_close(const Tensor& rounded, const Tensor& exact, const std::string& what) {
  const std::vector<double> a = rounded.to_vector(), b = exact.to_vector();
  ASSERT_EQ(a.size(), b.size()) << what;
  double largest = 0;
  for (double value : b) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], std::max(std::abs(b[i]), largest / 16) / 256) << what << ", element " << i;
}

TEST_P(Bf16Op, MatchesFloat32OnTheSameNumbers) {
  std::vector<Variable> rounded, exact;
  for (const Leaf& leaf : GetParam().leaves) {
    const Tensor value = random_tensor(leaf.shape, rounded.size() + 1, 1, leaf.exact ? DType::f32 : DType::bf16);
    rounded.emplace_back(value, true);
    exact.emplace_back(value.to(DType::f32).clone(), true);
  }
  const Variable y = GetParam().op(rounded, DType::bf16), expected = GetParam().op(exact, DType::f32);
  expect_close(y.value(), expected.value(), "value");
  const Tensor dy = random_tensor(y.shape(), 99, 1, DType::bf16);
  backward(y, dy.to(y.dtype()).clone());
  backward(expected, dy.to(expected.dtype()).clone());
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    EXPECT_EQ(rounded[i].grad().dtype(), rounded[i].dtype());
    expect_close(rounded[i].grad(), exact[i].grad(), "gradient of input " + std::to_string(i));
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Bf16Op, ::testing::ValuesIn(cases()),
                         [](const ::testing::TestParamInfo<Bf16Case>& each) { return std::string(each.param.name); });

// One rounding at the end, not one a summand: 1 + 2^-9 + 2^-9 is above half of bf16's step at 1, each share below.
TEST(Bf16, SumsAreRoundedOnce) {
  const Variable passes(Tensor::from<double>(std::vector<double>{1, 0x1p-8, 0x1p-8, 0x1p-9}, {4, 1}, DType::bf16));
  const Variable gates(Tensor::full({1, 4}, DType::f32, 1));
  const Variable sum = ops::combine(passes, gates, testing::single_rows(make_indices({0, 1, 2, 3}), 1), ops::Gate::raw);
  EXPECT_EQ(sum.value().item(), 1 + 0x1p-6 - 0x1p-7);
}

TEST(Bf16, ScoresAndWeightsMustBeExact) {
  const Variable x(Tensor::full({2, 4}, DType::bf16, 1)), weight(Tensor::full({4}, DType::bf16, 1));
  EXPECT_THROW(ops::rms_norm(x, weight, 1e-6), Error);
  EXPECT_THROW(ops::sigmoid(x), Error);
  EXPECT_THROW(ops::softmax(x), Error);
}

}  // namespace
}  // namespace modr
