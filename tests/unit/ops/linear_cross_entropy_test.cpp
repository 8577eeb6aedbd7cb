#include "ops/linear_cross_entropy.hpp"

#include <gtest/gtest.h>

#include "ops/cross_entropy.hpp"
#include "ops/linear.hpp"
#include "support/grad_check.hpp"
#include "support/squares.hpp"

namespace modr {
namespace {

using testing::random_leaf;
using testing::random_tensor;

const int32_t none = ops::ignored_label;

struct Result {
  double loss;
  Tensor dfeatures, dhead;
};

using Loss = std::function<Variable(const Variable&, const Variable&)>;

// The loss, and its gradients times 1.5.
Result run(const Loss& loss, const Tensor& features, const Tensor& head) {
  const Variable x(features, true), w(head, true);
  const Variable y = loss(x, w);
  backward(y, Tensor::scalar(1.5, y.dtype()));
  return {y.value().item(), x.grad(), w.grad()};
}

void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  ASSERT_EQ(x.size(), y.size());
  double largest = 0;
  for (double value : y) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance * largest) << "element " << i;
}

// Against the two plain ops; enough rows for several chunks, some without a label.
void expect_plain_result(DType dtype, int64_t rows, int64_t vocab, double tolerance) {
  const Tensor features = random_tensor({rows, 5}, 1, 1, dtype), head = random_tensor({vocab, 5}, 2, 1, exact(dtype));
  std::vector<int32_t> labels;
  for (int64_t row = 0; row < rows; ++row)
    labels.push_back(row % 5 == 2 ? none : static_cast<int32_t>(row * 13 % vocab));
  const Indices shared = make_indices(labels);
  const Result fused = run(
      [&](const Variable& x, const Variable& w) { return ops::linear_cross_entropy(x, w, shared, 0.25); }, features,
      head);
  // In f64 whatever the dtype: of the numbers that the fused op sees.
  const Result plain = run(
      [&](const Variable& x, const Variable& w) { return ops::cross_entropy(ops::linear(x, w), shared, 0.25); },
      features.to(DType::f64).clone(), head.to(dtype).to(DType::f64).clone());
  EXPECT_EQ(fused.dfeatures.dtype(), dtype);
  EXPECT_EQ(fused.dhead.dtype(), exact(dtype));
  EXPECT_NEAR(fused.loss, plain.loss, tolerance * plain.loss);
  expect_near(fused.dfeatures, plain.dfeatures, tolerance);
  expect_near(fused.dhead, plain.dhead, tolerance);
}

TEST(LinearCrossEntropy, IsCrossEntropyOfLinear) {
  expect_plain_result(DType::f64, 12, 7, 1e-12);
  expect_plain_result(DType::f32, 12, 7, 1e-5);
  expect_plain_result(DType::bf16, 12, 7, 0x1p-8);
}

TEST(LinearCrossEntropy, InChunksToo) {
  expect_plain_result(DType::f32, 700, 17000, 1e-4);
  expect_plain_result(DType::bf16, 700, 17000, 0x1.8p-8);  // dlogits are rounded, then their product
}

TEST(GradCheck, LinearCrossEntropy) {
  const Indices labels = make_indices({2, none, 0, 6});
  testing::check_gradients(
      [&](const auto& in) { return ops::linear_cross_entropy(in[0], in[1], labels, 0.25); },
      {random_leaf({4, 5}, 1), random_leaf({7, 5}, 2)});
}

// What is frozen gets no gradient; the rest gets the same.
TEST(LinearCrossEntropy, GradientsOnlyWhereWanted) {
  const Indices labels = make_indices({2, none, 0});
  const Tensor features = random_tensor({3, 5}, 1), head = random_tensor({7, 5}, 2);
  const Result both = run(
      [&](const Variable& x, const Variable& w) { return ops::linear_cross_entropy(x, w, labels, 1); }, features, head);
  const Result only_features = run(
      [&](const Variable& x, const Variable& w) { return ops::linear_cross_entropy(x, w.detach(), labels, 1); },
      features, head);
  const Result only_head = run(
      [&](const Variable& x, const Variable& w) { return ops::linear_cross_entropy(x.detach(), w, labels, 1); },
      features, head);
  EXPECT_EQ(only_features.dfeatures.to_vector(), both.dfeatures.to_vector());
  EXPECT_FALSE(only_features.dhead.defined());
  EXPECT_EQ(only_head.dhead.to_vector(), both.dhead.to_vector());
  EXPECT_FALSE(only_head.dfeatures.defined());
  const NoGrad guard;
  const Variable x(features, true), w(head, true);
  const Variable loss = ops::linear_cross_entropy(x, w, labels, 1);
  EXPECT_FALSE(loss.requires_grad());
  EXPECT_EQ(loss.value().item(), both.loss);
}

// A second use adds to the head's gradient, as tied embeddings and several microbatches do.
TEST(LinearCrossEntropy, HeadGradientsAccumulate) {
  const Variable x = random_leaf({3, 5}, 1), w = random_leaf({7, 5}, 2);
  const Indices labels = make_indices({2, 1, 0});
  backward(ops::linear_cross_entropy(x, w, labels, 1));
  const std::vector<double> once = w.grad().to_vector();
  backward(ops::linear_cross_entropy(x, w, labels, 1));
  const std::vector<double> twice = w.grad().to_vector();
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_EQ(twice[i], 2 * once[i]);
}

TEST(LinearCrossEntropy, WithoutLabelsIsZero) {
  for (int64_t rows : {0, 3}) {
    const Variable x = random_leaf({rows, 5}, 1), w = random_leaf({7, 5}, 2);
    const std::vector<int32_t> labels(static_cast<std::size_t>(rows), none);
    const Variable loss = ops::linear_cross_entropy(x, w, make_indices(labels), 1);
    EXPECT_EQ(loss.value().item(), 0);
    backward(loss);
    EXPECT_EQ(x.grad().shape(), x.shape());
    EXPECT_EQ(testing::sum_of_squares(x.grad()), 0);
    EXPECT_EQ(w.grad().shape(), w.shape());
    EXPECT_EQ(testing::sum_of_squares(w.grad()), 0);
  }
}

TEST(LinearCrossEntropy, BadInputIsNamed) {
  const Variable x = random_leaf({2, 5}, 1), w = random_leaf({7, 5}, 2);
  EXPECT_THROW(ops::linear_cross_entropy(x, w, make_indices({0, 7}), 1), Error);
  EXPECT_THROW(ops::linear_cross_entropy(x, w, make_indices({0}), 1), Error);
  EXPECT_THROW(ops::linear_cross_entropy(x, random_leaf({7, 4}, 2), make_indices({0, 1}), 1), Error);
  EXPECT_THROW(ops::linear_cross_entropy(Variable(x.value().to(DType::f32)), w, make_indices({0, 1}), 1), Error);
}

}  // namespace
}  // namespace modr
