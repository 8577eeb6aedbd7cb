#include "tensor/tensor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "support/squares.hpp"

namespace modr {
namespace {

Tensor counting(Shape shape, DType dtype = DType::f32) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 0);
  return Tensor::from<double>(values, std::move(shape), dtype);
}

TEST(Tensor, ViewsShareStorageAndClonesDoNot) {
  const Tensor a = counting({2, 3});
  const Tensor row = a.slice(0, 1, 2);
  row.fill(9);
  EXPECT_EQ(a.to_vector(), (std::vector<double>{0, 1, 2, 9, 9, 9}));
  a.clone().fill(5);
  EXPECT_EQ(a.to_vector(), (std::vector<double>{0, 1, 2, 9, 9, 9}));
}

TEST(Tensor, TransposeAndSliceFollowStrides) {
  const Tensor a = counting({2, 3});
  const Tensor t = a.transpose(0, 1);
  EXPECT_FALSE(t.is_contiguous());
  EXPECT_EQ(t.shape(), (Shape{3, 2}));
  EXPECT_EQ(t.to_vector(), (std::vector<double>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(t.contiguous().to_vector(), t.to_vector());
  EXPECT_EQ(a.slice(1, 1, 3).to_vector(), (std::vector<double>{1, 2, 4, 5}));
  EXPECT_EQ(t.slice(0, 2, 3).to_vector(), (std::vector<double>{2, 5}));
  t.copy_from(counting({3, 2}, DType::f64));
  EXPECT_EQ(a.to_vector(), (std::vector<double>{0, 2, 4, 1, 3, 5}));
}

TEST(Tensor, ViewInfersOneSize) {
  EXPECT_EQ(counting({2, 3, 4}).view({-1, 4}).shape(), (Shape{6, 4}));
  EXPECT_THROW(counting({2, 3}).view({4, -1}), Error);
  EXPECT_THROW(counting({2, 3}).transpose(0, 1).view({6}), Error);
}

TEST(Tensor, EmptyAndScalarTensorsWork) {
  EXPECT_EQ(Tensor::zeros({0, 4}, DType::f32).to_vector().size(), 0u);
  EXPECT_EQ(Tensor::scalar(2.5, DType::f64).item(), 2.5);
  EXPECT_EQ(testing::sum_of_squares(Tensor::zeros({0}, DType::f64)), 0);
  const Tensor none = counting({4, 3}).slice(0, 2, 2).slice(1, 1, 3);  // no row of two columns, three apart
  EXPECT_TRUE(none.is_contiguous());
  EXPECT_EQ(none.view({-1, 2}).shape(), (Shape{0, 2}));
  none.add(none.clone());
  none.scale(2);
}

TEST(Tensor, MisuseIsRefused) {
  EXPECT_THROW(counting({2}).data<double>(), Error);
  EXPECT_THROW(counting({2}).slice(0, 1, 3), Error);
  EXPECT_THROW(counting({2, 2}).item(), Error);
  EXPECT_THROW(Tensor().data<float>(), Error);
}

TEST(Tensor, ArithmeticAndFiniteness) {
  const Tensor a = counting({3}), b = Tensor::full({3}, DType::f32, 2);
  a.add(b, 0.5);
  a.scale(2);
  EXPECT_EQ(a.to_vector(), (std::vector<double>{2, 4, 6}));
  EXPECT_EQ(testing::sum_of_squares(a), 56);
  for (double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    a.slice(0, 1, 2).fill(bad);
  }
}

TEST(Tensor, Bf16RoundsToTheNearestAndKeepsNotFiniteOnes) {
  const double inf = std::numeric_limits<double>::infinity();
  // bf16's step at 1 is 2^-7: halves go to the even neighbour.
  const std::vector<double> values{1 + 0x1p-8, 1 + 3 * 0x1p-8, 1 + 0x1p-8 + 0x1p-20, -0x1p-100, 1e39, -inf};
  const Tensor t = Tensor::from<double>(values, {6}, DType::bf16);
  EXPECT_EQ(t.bytes(), 12u);
  EXPECT_EQ(t.to_vector(), (std::vector<double>{1, 1 + 0x1p-6, 1 + 0x1p-7, -0x1p-100, inf, -inf}));
  EXPECT_TRUE(std::isnan(Tensor::full({1}, DType::bf16, std::nan("")).item()));
  EXPECT_EQ(t.to(DType::f64).to(DType::bf16).to(DType::f32).to_vector(), t.to_vector());
}

TEST(Tensor, Bf16CopiesAndArithmetic) {
  const Tensor a = counting({2, 3}, DType::bf16);
  a.transpose(0, 1).copy_from(counting({3, 2}));
  EXPECT_EQ(a.to_vector(), (std::vector<double>{0, 2, 4, 1, 3, 5}));
  a.add(Tensor::full({2, 3}, DType::bf16, 2), 0.5);
  a.scale(2);
  EXPECT_EQ(a.to_vector(), (std::vector<double>{2, 6, 10, 4, 8, 12}));
  EXPECT_EQ(testing::sum_of_squares(a), 4 + 36 + 100 + 16 + 64 + 144);
  EXPECT_EQ(Tensor::full({2}, DType::bf16, 3).slice(0, 1, 2).item(), 3);
}

// Beyond the size from which several threads share the work, and no multiple of a vector.
TEST(Tensor, LargeTensorsConvertEveryValue) {
  const int64_t n = 100'003;
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(static_cast<double>(i % 251 - 125));
  const Tensor exact = Tensor::from<double>(values, {n}, DType::f64);
  for (DType from : {DType::f32, DType::f64, DType::bf16})
    for (DType to : {DType::f32, DType::f64, DType::bf16}) EXPECT_EQ(exact.to(from).to(to).to_vector(), values);
  double squares = 0;
  for (double value : values) squares += value * value;
  EXPECT_EQ(testing::sum_of_squares(exact.to(DType::bf16)), squares);
}

TEST(Allocator, ReusesSmallBlocksOfUpToTwiceTheSize) {
  release_cached_memory();
  const float* first = Tensor::empty({1000}, DType::f32).data<float>();
  EXPECT_EQ(Tensor::empty({600}, DType::f32).data<float>(), first);
  EXPECT_NE(Tensor::empty({400}, DType::f32).data<float>(), first);
  const auto before = allocator_stats();
  const Tensor held = Tensor::empty({4000}, DType::f32);
  EXPECT_EQ(allocator_stats().in_use, before.in_use + 16384);
}

TEST(Allocator, TakesNothingFromTheSystemForWhatItHasHadBefore) {
  const auto some_steps = [] {
    for (int64_t size : {10, 2'000, 500'000, 3'000'000}) {
      const Tensor a = Tensor::zeros({size}, DType::f32);
      const Tensor b = a.clone();
    }
  };
  some_steps();
  const auto before = allocator_stats();
  EXPECT_GT(before.system_allocations, 0u);
  for (int i = 0; i < 5; ++i) some_steps();
  EXPECT_EQ(allocator_stats().system_allocations, before.system_allocations);
  EXPECT_EQ(allocator_stats().cached, before.cached);
}

}  // namespace
}  // namespace modr
