#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "ops/arithmetic.hpp"
#include "ops/combine.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/embedding.hpp"
#include "ops/linear.hpp"
#include "ops/matmul.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/score.hpp"
#include "ops/silu_gate.hpp"
#include "support/grad_check.hpp"
#include "support/single_rows.hpp"

namespace modr {
namespace {

using testing::check_gradients;
using testing::random_leaf;
using testing::random_tensor;

TEST(GradCheck, Add) {
  check_gradients([](const auto& in) { return ops::add(in[0], in[1]); },
                  {random_leaf({2, 3}, 1), random_leaf({2, 3}, 2)});
  check_gradients([](const auto& in) { return ops::add(in[0], in[0]); }, {random_leaf({2, 3}, 1)});
}

TEST(GradCheck, Linear) {
  check_gradients([](const auto& in) { return ops::linear(in[0], in[1]); },
                  {random_leaf({2, 3, 4}, 1), random_leaf({5, 4}, 2)});
}

TEST(GradCheck, LinearColumnsWithAddend) {
  check_gradients(
      [](const auto& in) {
        return ops::linear_columns(in[0], in[1], 0, ops::linear_columns(in[2], in[1], 4));
      },
      {random_leaf({3, 4}, 1), random_leaf({5, 6}, 2), random_leaf({3, 2}, 3)});
}

TEST(GradCheck, Embedding) {
  const Indices ids = make_indices({3, 0, 3, 1});
  check_gradients([&](const auto& in) { return ops::embedding(ids, in[0], 2.5); }, {random_leaf({4, 3}, 1)});
}

TEST(GradCheck, GatherRows) {
  const Indices index = make_indices({1, 0, 1});
  check_gradients([&](const auto& in) { return ops::gather_rows(in[0], index); }, {random_leaf({2, 2, 3}, 1)});
  const Indices repeated = make_indices({1, 0, 1}), permuted = make_indices({2, 0, 1});
  for (const Indices& each : {repeated, permuted})
    check_gradients([&](const auto& in) { return ops::gather_rows(in[0], each); }, {random_leaf({3, 2}, 1)});
}

TEST(GradCheck, RmsNorm) {
  check_gradients([](const auto& in) { return ops::rms_norm(in[0], in[1], 1e-3); },
                  {random_leaf({3, 5}, 1), random_leaf({5}, 2)});
}

TEST(GradCheck, Rope) {
  const Tensor table = ops::rope_table(9, 4, 50);
  const Indices positions = make_indices({0, 8, 3});
  check_gradients([&](const auto& in) { return ops::rope(in[0], in[1], table, positions); },
                  {random_leaf({3, 24}, 1), random_leaf({2, 1, 2, 4}, 2)});
  check_gradients([&](const auto& in) { return ops::rope(in[0], {}, table, positions); }, {random_leaf({3, 24}, 1)});
}

TEST(GradCheck, SiluGate) {
  check_gradients([](const auto& in) { return ops::silu_gate(in[0]); }, {random_leaf({3, 8}, 1)});
}

TEST(GradCheck, CrossEntropy) {
  const Indices labels = make_indices({2, ops::ignored_label, 0});
  check_gradients([&](const auto& in) { return ops::cross_entropy(in[0], labels, 0.25); }, {random_leaf({3, 4}, 1)});
}

TEST(GradCheck, RouterOps) {
  const RowMask mask = make_mask({1, 0, 1, 1, 0, 0});
  const Offsets groups = make_offsets({0, 2, 3, 6});
  check_gradients([&](const auto& in) { return ops::masked_mean(in[0], groups, mask); }, {random_leaf({6, 4}, 1)});
  check_gradients([&](const auto& in) { return ops::masked_mean(in[0], groups, nullptr); }, {random_leaf({6, 4}, 1)});
  check_gradients([](const auto& in) { return ops::sigmoid(in[0]); }, {random_leaf({2, 4}, 1)});
  check_gradients([](const auto& in) { return ops::softmax(in[0]); }, {random_leaf({2, 4}, 1)});
  const Indices columns = make_indices({3, 0, 1, 2});
  check_gradients([&](const auto& in) { return ops::gather_columns(in[0], columns, 2); }, {random_leaf({2, 4}, 1)});
}

TEST(GradCheck, CombineRaw) {
  // Units of 1, 0 and 3 rows; passes in the order 2 1 0 | 2 1 0 of units.
  const ops::PassRows where{make_indices({2, 5, 1, 4, 0, 3}), make_offsets({0, 1, 1, 4}),
                            make_offsets({0, 3, 3, 4, 7, 7, 8})};
  check_gradients([&](const auto& in) { return ops::combine(in[0], in[1], where, ops::Gate::raw); },
                  {random_leaf({8, 2, 3}, 1), random_leaf({3, 2}, 2)});
}

// Long enough for several threads, which share out rows.
TEST(Combine, UnitsOfDifferentLengthsAreTheSameAloneAndTogether) {
  const std::vector<int64_t> unit_rows{0, 5, 6, 96, 96, 129, 136};
  const int64_t units = std::ssize(unit_rows) - 1, width = 501;
  std::vector<int32_t> position;
  std::vector<int64_t> pass_rows{0};
  for (int64_t pass = 0; pass < 2 * units; ++pass) {  // of units 5 4 3 2 1 0, twice
    const auto unit = static_cast<std::size_t>(units - 1 - pass % units);
    pass_rows.push_back(pass_rows.back() + unit_rows[unit + 1] - unit_rows[unit]);
  }
  for (int64_t unit = 0; unit < units; ++unit)
    for (int64_t half = 0; half < 2; ++half) position.push_back(static_cast<int32_t>(half * units + units - 1 - unit));
  const Variable passes = random_leaf({2 * unit_rows.back(), width}, 1), gates = random_leaf({units, 2}, 2);
  const ops::PassRows where{make_indices(position), make_offsets(unit_rows), make_offsets(pass_rows)};
  const Variable out = ops::combine(passes, gates, where, ops::Gate::raw);
  const Tensor dout = random_tensor(out.shape(), 3);
  backward(out, dout.clone());
  for (std::size_t unit = 0; unit + 1 < unit_rows.size(); ++unit) {
    const auto u = static_cast<int64_t>(unit);
    const int64_t begin = unit_rows[unit], end = unit_rows[unit + 1], rows = end - begin;
    const Variable both(Tensor::empty({2 * rows, width}, DType::f64), true);
    const Variable gate(gates.value().slice(0, u, u + 1).clone(), true);
    std::vector<double> dboth;
    for (int64_t choice = 0; choice < 2; ++choice) {
      const int64_t first = pass_rows[std::size_t(position[2 * unit + std::size_t(choice)])];
      both.value().slice(0, choice * rows, (choice + 1) * rows).copy_from(passes.value().slice(0, first, first + rows));
      for (double value : passes.grad().slice(0, first, first + rows).to_vector()) dboth.push_back(value);
    }
    const ops::PassRows one{make_indices({0, 1}), make_offsets({0, rows}), make_offsets({0, rows, 2 * rows})};
    const Variable alone = ops::combine(both, gate, one, ops::Gate::raw);
    EXPECT_EQ(alone.value().to_vector(), out.value().slice(0, begin, end).to_vector());
    backward(alone, dout.slice(0, begin, end).clone());
    EXPECT_EQ(both.grad_or_zeros().to_vector(), dboth);
    for (std::size_t choice = 0; choice < 2; ++choice)
      EXPECT_NEAR(gate.grad_or_zeros().to_vector()[choice], gates.grad().to_vector()[2 * unit + choice], 1e-10);
  }
}

TEST(Combine, PassesMustBeAsLongAsTheirUnits) {
  const Variable passes = random_leaf({3, 2}, 1), gates = random_leaf({2, 1}, 2);
  const auto combine = [&](std::vector<int32_t> position, std::vector<int64_t> rows) {
    return ops::combine(passes, gates,
                        {make_indices(std::move(position)), make_offsets({0, 1, 3}), make_offsets(std::move(rows))},
                        ops::Gate::raw);
  };
  EXPECT_NO_THROW(combine({0, 1}, {0, 1, 3}));
  EXPECT_THROW(combine({1, 0}, {0, 1, 3}), Error);
  EXPECT_THROW(combine({0, 2}, {0, 1, 3}), Error);
  EXPECT_THROW(combine({0, 1}, {0, 1, 2}), Error);
}

// The straight-through gate's gradient is not that of its value: checked against its definition.
TEST(Combine, StraightThroughPassesScaledGradientsAndGateProducts) {
  const Indices position = make_indices({1, 0});
  const Variable passes = random_leaf({2, 3}, 1), gates = random_leaf({1, 2}, 2);
  const Variable out = ops::combine(passes, gates, testing::single_rows(position, 1), ops::Gate::straight_through);
  const std::vector<double> p = passes.value().to_vector(), y = out.value().to_vector();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(y[i], (p[i] + p[3 + i]) / 2, 1e-15);
  const Tensor dy = random_tensor({1, 3}, 5);
  backward(out, dy.clone());
  const std::vector<double> d = dy.to_vector(), dp = passes.grad().to_vector(), dg = gates.grad().to_vector();
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(dp[i], d[i % 3] / 2, 1e-15);
  EXPECT_NEAR(dg[0], d[0] * p[3] + d[1] * p[4] + d[2] * p[5], 1e-14);
  EXPECT_NEAR(dg[1], d[0] * p[0] + d[1] * p[1] + d[2] * p[2], 1e-14);
}

// The exponential of float is our own: against double where it is used, infinities and NaN included.
TEST(Sigmoid, OfFloatIsRightOverTheWholeRange) {
  std::vector<double> values;
  for (double x = -120; x <= 120; x += 0.0137) values.push_back(x);
  const Tensor x = Tensor::from<double>(values, {static_cast<int64_t>(values.size())}, DType::f32);
  const std::vector<double> in = x.to_vector(), y = ops::sigmoid(Variable(x)).value().to_vector();
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double expected = 1 / (1 + std::exp(-in[i]));
    ASSERT_NEAR(y[i], expected, 4e-7 * expected + 1e-37) << in[i];
  }
}

TEST(SiluGate, FarFromZeroAndNotANumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (DType dtype : {DType::f32, DType::bf16}) {
    const Tensor ab = Tensor::from<double>(std::vector<double>{1024, -1024, nan, 2, 2, 2}, {1, 6}, dtype);
    const std::vector<double> y = ops::silu_gate(Variable(ab)).value().to_vector();
    EXPECT_EQ(y[0], 2048);
    EXPECT_NEAR(y[1], 0, 1e-30);
    EXPECT_TRUE(std::isnan(y[2]));
  }
}

// Products of every orientation against a triple loop, in both precisions.
TEST(Matmul, MatchesTripleLoop) {
  for (DType dtype : {DType::f32, DType::f64})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        const int64_t m = 7, n = 33, k = 19;
        const Tensor a = random_tensor(ta ? Shape{k, m} : Shape{m, k}, 1, 1, dtype);
        const Tensor b = random_tensor(tb ? Shape{n, k} : Shape{k, n}, 2, 1, dtype);
        const Tensor c = random_tensor({m, n}, 3, 1, dtype);
        const auto av = a.to_vector(), bv = b.to_vector(), before = c.to_vector();
        ops::matmul({a, ta}, {b, tb}, c, 0.5, 2);
        const auto after = c.to_vector();
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) {
            double sum = 0;
            for (int64_t p = 0; p < k; ++p)
              sum += av[size_t(ta ? p * m + i : i * k + p)] * bv[size_t(tb ? j * k + p : p * n + j)];
            EXPECT_NEAR(after[size_t(i * n + j)], 0.5 * sum + 2 * before[size_t(i * n + j)],
                        dtype == DType::f32 ? 1e-5 : 1e-13);
          }
      }
}

TEST(Matmul, EmptySizes) {
  const Tensor c = Tensor::full({2, 3}, DType::f32, 4);
  ops::matmul({Tensor::zeros({2, 0}, DType::f32)}, {Tensor::zeros({0, 3}, DType::f32)}, c, 1, 0.5);
  EXPECT_EQ(c.to_vector(), std::vector<double>(6, 2));
  ops::matmul({Tensor::zeros({0, 2}, DType::f32)}, {Tensor::zeros({2, 3}, DType::f32)},
              Tensor::zeros({0, 3}, DType::f32));
}

TEST(Ops, BadInputIsNamed) {
  const Variable table = random_leaf({4, 3}, 1);
  EXPECT_THROW(ops::embedding(make_indices({4}), table, 1), Error);
  EXPECT_THROW(ops::linear(table, random_leaf({2, 4}, 1)), Error);
  EXPECT_THROW(ops::cross_entropy(table, make_indices({0, 1, 2, 3}), 1), Error);
  EXPECT_THROW(ops::masked_mean(table, uniform_offsets(2, 2), make_mask({1, 0, 0, 0})), Error);
  EXPECT_THROW(ops::rope(random_leaf({1, 12}, 1), {}, ops::rope_table(4, 4, 50), make_indices({4})), Error);
}

}  // namespace
}  // namespace modr
