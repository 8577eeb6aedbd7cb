// The contract of products (kernels/README.md): a row's bits do not depend on how many rows share a product. And the
// same of everything else that a row goes through on its own.
#include "support/row_bits.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/onednn_matmul.hpp"
#include "ops/linear.hpp"
#include "ops/lora_linear.hpp"
#include "ops/rms_norm.hpp"
#include "ops/rope.hpp"
#include "ops/score.hpp"
#include "ops/silu_gate.hpp"
#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::expect_rows_alone;
using testing::random_tensor;

constexpr int64_t most_rows = 257;

Tensor random(Shape shape, uint64_t seed, DType dtype) { return random_tensor(std::move(shape), seed, 1, dtype); }

// Columns [3, 3 + columns) of something wider: rows that do not follow each other in memory.
Tensor sliced(int64_t rows, int64_t columns, uint64_t seed, DType dtype) {
  return random({rows, columns + 8}, seed, dtype).slice(1, 3, 3 + columns);
}

struct Case {
  DType dtype, out;
  int64_t k, n;
  bool transposed, accumulate, packed;
};

std::ostream& operator<<(std::ostream& to, const Case& c) {
  return to << name_of(c.dtype) << " to " << name_of(c.out) << ", " << c.k << " to " << c.n
            << (c.transposed ? ", transposed" : "") << (c.accumulate ? ", added" : "") << (c.packed ? ", packed" : "");
}

// Sizes around vectors, tiles and blocks, odd ones, a router's few columns, and inner sizes of several blocks.
std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& [k, n] : {std::pair<int64_t, int64_t>{1, 1}, {17, 5}, {64, 48}, {130, 4}, {200, 129}, {513, 100}, {1100, 63}, {2500, 34}})
    for (const bool transposed : {false, true})
      for (const bool accumulate : {false, true}) {
        cases.push_back({DType::f32, DType::f32, k, n, transposed, accumulate, true});
        cases.push_back({DType::f64, DType::f64, k, n, transposed, accumulate, true});
        for (const DType out : {DType::bf16, DType::f32})
          for (const bool packed : {false, true})
            cases.push_back({DType::bf16, out, k, n, transposed, accumulate, packed});
      }
  return cases;
}

class Products : public ::testing::TestWithParam<Case> {};

TEST_P(Products, ARowsBitsDoNotDependOnTheOtherRows) {
  const auto& [dtype, to, k, n, transposed, accumulate, packed] = GetParam();
  const Tensor a = sliced(most_rows, k, 1, dtype), before = sliced(most_rows, n, 2, to);
  const int64_t b_rows = transposed ? n : k, b_columns = transposed ? k : n;
  const Tensor b = sliced(b_rows, b_columns, 3, packed ? exact(dtype) : dtype);
  const ops::Matrix right = packed ? ops::pack({b, transposed}, dtype) : ops::Matrix{b, transposed};
  const Tensor room = Tensor::empty({most_rows, n + 8}, to);
  expect_rows_alone([&](int64_t first, int64_t count) {
    const Tensor rows = a.slice(0, first, first + count);
    const Tensor out = room.slice(0, 0, count).slice(1, 5, 5 + n);
    out.copy_from(before.slice(0, first, first + count));
    ops::matmul({rows}, right, out, 1, accumulate ? 1 : 0);
    return out;
  });
}

INSTANTIATE_TEST_SUITE_P(RowBits, Products, ::testing::ValuesIn(all_cases()));

// On processors with matrix units bf16 products are oneDNN's, whose bits differ with the number of rows (here in some of
// these sizes, too); by blocks they do not.
TEST(RowBits, OfOneDnnsProductsByRowsDoNotDependOnTheOtherRows) {
  using namespace kernels;
  const auto bf16 = onednn::type_of<bfloat16>();
  for (const auto& [k, n] : {std::pair<int64_t, int64_t>{64, 48}, {17, 5}, {513, 100}, {1100, 63}})
    for (const bool packed : {false, true})
      for (const bool accumulate : {false, true}) {
        SCOPED_TRACE(fmt::format("{} to {}{}{}", k, n, packed ? ", packed" : "", accumulate ? ", added" : ""));
        const Tensor a = sliced(most_rows, k, 1, DType::bf16), before = sliced(most_rows, n, 2, DType::bf16);
        const Tensor b = random({k, n}, 3, DType::f32), room = Tensor::empty({most_rows, n + 8}, DType::bf16);
        const Tensor plain = b.to(DType::bf16);
        std::vector<std::byte> laid_out(onednn::packed_desc(k, n, bf16).get_size());
        onednn::reorder({k, n, n, false, onednn::type_of<float>()}, b.data<float>(), bf16, laid_out.data());
        const void* right = plain.data<bfloat16>();
        if (packed) right = laid_out.data();
        expect_rows_alone(
            [&](int64_t first, int64_t count) {
              const Tensor rows = a.slice(0, first, first + count), out = room.slice(0, 0, count).slice(1, 5, 5 + n);
              out.copy_from(before.slice(0, first, first + count));
              onednn::run_by_rows({{count, k, rows.strides()[0], false, bf16},
                                   {k, n, n, false, bf16},
                                   {count, n, out.strides()[0], false, bf16},
                                   packed,
                                   accumulate},
                                  rows.data<bfloat16>(), right,
                                  out.data<bfloat16>());
              return out;
            });
      }
}

// What the contract says of float32: one chain of fused multiply-adds over ascending k, from 0 or from what there is.
TEST(RowBits, OfFloatProductsAreOneChainOfFusedMultiplyAdds) {
  for (const int64_t m : {1, 4, 5, 8, 33})
    for (const auto& [k, n] : {std::pair<int64_t, int64_t>{5, 3}, {37, 50}, {1200, 67}})
      for (const bool transposed : {false, true})
        for (const bool accumulate : {false, true}) {
          const Tensor a = random({m, k}, 1, DType::f32), c = random({m, n}, 3, DType::f32), before = c.clone();
          const Tensor b = random(transposed ? Shape{n, k} : Shape{k, n}, 2, DType::f32);
          ops::matmul({a}, {b, transposed}, c, 1, accumulate ? 1 : 0);
          const auto left = a.span<float>(), right = b.span<float>(), from = before.span<float>(), got = c.span<float>();
          int64_t differing = 0;
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j) {
              float sum = accumulate ? from[size_t(i * n + j)] : 0;
              for (int64_t p = 0; p < k; ++p)
                sum = std::fma(left[size_t(i * k + p)], right[size_t(transposed ? j * k + p : p * n + j)], sum);
              differing += sum != got[size_t(i * n + j)];
            }
          EXPECT_EQ(differing, 0) << m << " x " << k << " x " << n << transposed << accumulate;
        }
}

class RowBits : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, RowBits, ::testing::Values(DType::f32, DType::f64, DType::bf16),
                         [](const auto& type) { return std::string(name_of(type.param)); });

TEST_P(RowBits, OfAdaptersFactoredAndMerged) {
  const DType dtype = GetParam();
  constexpr int64_t branches = 3, in = 300, out = 70, rank = 20;
  const Tensor x = random({most_rows, in}, 1, dtype);
  const Variable weight(random({out, in}, 2, exact(dtype)));
  ops::LoraWeights lora{Variable(random({branches, rank, in}, 3, exact(dtype))),
                        Variable(random({branches, out, rank}, 4, exact(dtype))), 0.5};
  for (const bool merged : {false, true}) {
    if (merged) lora.merged = ops::merge(weight, lora, dtype, false);
    expect_rows_alone([&](int64_t first, int64_t count) {
      // Row r belongs to branch r / 5 % 3, whatever rows share the call.
      std::vector<RowGroup> groups;
      for (int64_t i = 0; i < count; ++i) groups.push_back({(first + i) / 5 % branches, i, i + 1});
      return ops::lora_linear(Variable(x.slice(0, first, first + count)), weight, lora, make_row_groups(groups)).value();
    });
  }
}

TEST_P(RowBits, OfWhatIsDoneToEachRowAlone) {
  const DType dtype = GetParam();
  constexpr int64_t heads = 3, head_dim = 22, width = heads * head_dim;
  const Tensor x = random({most_rows, 3 * width}, 1, dtype), y = random({most_rows, 3 * width}, 2, dtype);
  const Variable norm(random({3 * width}, 3, exact(dtype))), bias(random({2, 1, heads, head_dim}, 4, exact(dtype)));
  const Tensor table = ops::rope_table(most_rows, head_dim, 50000);
  const auto rows = [](const Tensor& of, int64_t first, int64_t count) {
    return Variable(of.slice(0, first, first + count));
  };
  expect_rows_alone([&](int64_t at, int64_t m) { return ops::rms_norm(rows(x, at, m), norm, 1e-6).value(); });
  expect_rows_alone(
      [&](int64_t at, int64_t m) { return ops::add_rms_norm(rows(x, at, m), rows(y, at, m), norm, 1e-6).value(); });
  expect_rows_alone([&](int64_t at, int64_t m) { return ops::silu_gate(rows(x, at, m)).value(); });
  expect_rows_alone([&](int64_t at, int64_t m) {
    std::vector<int32_t> positions;
    for (int64_t i = at; i < at + m; ++i) positions.push_back(static_cast<int32_t>(i));
    return ops::rope(rows(x, at, m), bias, table, make_indices(positions)).value();
  });
  if (dtype == DType::bf16) return;  // scores are exact
  expect_rows_alone([&](int64_t at, int64_t m) { return ops::softmax(rows(x, at, m)).value(); });
  expect_rows_alone([&](int64_t at, int64_t m) { return ops::sigmoid(rows(x, at, m)).value(); });
}

}  // namespace
}  // namespace modr
