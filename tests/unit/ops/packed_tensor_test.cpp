// A matrix in the layout of products is the same matrix: its values come out as they went in, its products and lookups
// have the bits of those with rows.
#include <gtest/gtest.h>

#include "kernels/cpu/onednn_matmul.hpp"
#include "ops/embedding.hpp"
#include "ops/linear_cross_entropy.hpp"
#include "ops/matmul.hpp"
#include "support/expect_error.hpp"
#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::random_tensor;

Tensor random(Shape shape, uint64_t seed, DType dtype = DType::bf16) {
  return random_tensor(std::move(shape), seed, 1, dtype);
}

Tensor packed(const Tensor& rows) {
  const Tensor result = Tensor::packed(rows.shape(), rows.device());
  result.copy_from(rows);
  return result;
}

// Around squares that are turned, panels, and blocks of depth.
const std::vector<std::pair<int64_t, int64_t>> sizes{{1, 1},   {1, 7},  {5, 1},    {3, 8},     {47, 9},    {48, 96},
                                                     {49, 97}, {96, 6}, {101, 50}, {144, 385}, {1009, 60}, {2100, 131}};

TEST(PackedTensor, HoldsTheValuesOfRowsOfAnyKind) {
  for (const auto& [n, k] : sizes) {
    SCOPED_TRACE(fmt::format("{} x {}", n, k));
    const Tensor rows = random({n, k}, 1), wide = random({n, k + 3}, 2, DType::f32), turned = random({k, n}, 3);
    EXPECT_EQ(packed(rows).to_vector(), rows.to_vector());
    EXPECT_EQ(packed(rows).clone().to_vector(), rows.to_vector());
    EXPECT_EQ(packed(rows).to(DType::f32).to_vector(), rows.to_vector());
    EXPECT_EQ(packed(wide.slice(1, 2, 2 + k)).to_vector(), wide.slice(1, 2, 2 + k).to(DType::bf16).to_vector());
    EXPECT_EQ(packed(turned.transpose(0, 1)).to_vector(), turned.transpose(0, 1).to_vector());
    EXPECT_EQ(packed(packed(rows)).to_vector(), rows.to_vector());
    const Tensor strided = Tensor::zeros({n, k + 3}, DType::f32).slice(1, 1, 1 + k);
    strided.copy_from(packed(rows));
    EXPECT_EQ(strided.to_vector(), rows.to_vector());
  }
}

TEST(PackedTensor, IsZeroAtFirstAndTakesTwoBytesAValue) {
  const std::size_t before = allocator_stats().in_use;
  const Tensor zeros = Tensor::packed({480, 640}, cpu_device);
  if (ops::packed_is_open(cpu_device)) {  // another layout may fill up more
    EXPECT_LE(allocator_stats().in_use - before, 480 * 640 * 2 + 8192u);
  }
  EXPECT_EQ(zeros.to_vector(), std::vector<double>(480 * 640, 0.0));
  zeros.fill(2);
  EXPECT_EQ(zeros.to_vector(), std::vector<double>(480 * 640, 2.0));
}

TEST(PackedTensor, GivesNoPointersAndNoParts) {
  const Tensor matrix = packed(random({6, 4}, 1)), rows = random({6, 4}, 2);
  expect_error([&] { matrix.data<bfloat16>(); }, {"rows of a packed matrix of shape [6, 4]"});
  expect_error([&] { matrix.slice(0, 1, 2); }, {"rows [1, 2) of a packed matrix"});
  expect_error([&] { matrix.transpose(0, 1); }, {"a packed matrix of shape [6, 4] transposed"});
  expect_error([&] { matrix.view({24}); }, {"not contiguous"});
  expect_error([&] { matrix.add(rows); }, {"not contiguous"});
  expect_error([&] { matrix.copy_from(rows.to(DType::f64)); }, {"a packed matrix and values of f64"});
  expect_error([&] { rows.packed_bytes(); }, {"that is not packed"});
  expect_error([&] { Tensor::packed({3}, cpu_device); }, {"a packed matrix of shape [3]"});
  EXPECT_EQ(matrix.slice(1, 0, 4).to_vector(), matrix.to_vector());
}

// The way back reads what the way forth has laid out: bit for bit the product with a copy laid out for it.
TEST(PackedTensor, ProductsBothWaysHaveTheBitsOfRows) {
  for (const auto& [n, k] : sizes)
    for (const int64_t m : {1, 3, 8, 33, 70})
      for (const DType to : {DType::bf16, DType::f32})
        for (const bool forth : {true, false}) {
          SCOPED_TRACE(fmt::format("{} x {}, {} rows {} to {}", n, k, m, forth ? "forth" : "back", name_of(to)));
          const Tensor w = random({n, k}, 1), a = random({m, (forth ? k : n) + 5}, 2).slice(1, 2, 2 + (forth ? k : n));
          const Tensor before = random({m, forth ? n : k}, 3, to);
          const ops::Matrix matrix = ops::pack({packed(w), forth}, DType::bf16);
          EXPECT_TRUE(matrix.tensor.is_packed());
          for (const double beta : {0.0, 1.0}) {
            const Tensor got = before.clone(), want = before.clone();
            ops::matmul({a}, matrix, got, 1, beta);
            ops::matmul({a}, ops::pack({w, forth}, DType::bf16), want, 1, beta);
            ASSERT_EQ(got.to_vector(), want.to_vector());
            want.copy_from(before);
            ops::matmul({a}, {w, forth}, want, 1, beta);
            ASSERT_EQ(got.to_vector(), want.to_vector());
          }
        }
}

TEST(PackedTensor, IsNotCopiedForProductsWhereItIsReadBothWays) {
  const Tensor matrix = packed(random({60, 50}, 1));
  const ops::PackedWeight weight = ops::pack_weight(matrix, DType::bf16, true);
  EXPECT_EQ(weight.forward.tensor.packed_bytes(), matrix.packed_bytes());
  if (!ops::packed_is_open(cpu_device)) GTEST_SKIP() << "not in the layout of this processor's matrix units";
  EXPECT_EQ(weight.backward.tensor.packed_bytes(), matrix.packed_bytes());
}

TEST(PackedTensor, RowsAreFoundInIt) {
  if (!ops::packed_is_open(cpu_device)) GTEST_SKIP() << "not in the layout of this processor's matrix units";
  const Tensor table = random({101, 51}, 1);
  const Indices ids = make_indices({100, 0, 47, 48, 48, 7});
  EXPECT_EQ(ops::embedding(ids, Variable(packed(table)), 1.7, DType::bf16).value().to_vector(),
            ops::embedding(ids, Variable(table), 1.7, DType::bf16).value().to_vector());
  EXPECT_EQ(ops::embedding(ids, Variable(table), 1.7, DType::bf16).value().to_vector(),
            ops::embedding(ids, Variable(table.to(DType::f32)), 1.7, DType::bf16).value().to_vector());
}

TEST(PackedTensor, AsTheHeadOfALossGivesTheBitsOfRows) {
  const Tensor head = random({70, 40}, 1);
  std::vector<double> losses, gradients;
  for (const Tensor& weight : {packed(head), head.to(DType::f32)}) {
    const Variable x(random({9, 40}, 2), true);
    const Variable loss =
        ops::linear_cross_entropy(x, Variable(weight), make_indices({1, 2, 69, 0, -100, 5, 6, 7, 8}), 0.1);
    backward(loss);
    EXPECT_EQ(loss.dtype(), DType::f32);
    losses.push_back(loss.value().item());
    const std::vector<double> gradient = x.grad().to_vector();
    if (gradients.empty()) gradients = gradient;
    EXPECT_EQ(gradient, gradients);
  }
  EXPECT_EQ(losses[0], losses[1]);
}

// What AMX has in its place; the layout is oneDNN's of this processor.
TEST(PackedTensor, OneDnnsLayoutGivesItsValuesBack) {
  using namespace kernels::onednn;
  const int64_t n = 37, k = 65;
  const Tensor rows = random({n, k}, 1), back = Tensor::zeros({n, k}, DType::f32);
  const auto bf16 = type_of<bfloat16>();
  std::vector<std::byte> laid_out(packed_desc(k, n, bf16).get_size());
  reorder({k, n, k, true, bf16}, rows.data<bfloat16>(), bf16, laid_out.data());
  reorder_back({k, n, k, true, type_of<float>()}, bf16, laid_out.data(), back.data<float>());
  EXPECT_EQ(back.to_vector(), rows.to_vector());
}

}  // namespace
}  // namespace modr
