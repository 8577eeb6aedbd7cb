#include "autograd/variable.hpp"

#include <gtest/gtest.h>

namespace modr {
namespace {

Variable leaf(double value) { return Variable(Tensor::scalar(value, DType::f64), true); }

// A test's own op: value a * b.
Variable multiply(const Variable& a, const Variable& b) {
  const double x = a.value().item(), y = b.value().item();
  return make_result("multiply", Tensor::scalar(x * y, DType::f64), {a, b},
                     [x, y](const Tensor& gradient, InputGradients& inputs) {
                       inputs.give(0, Tensor::scalar(gradient.item() * y, DType::f64));
                       inputs.give(1, Tensor::scalar(gradient.item() * x, DType::f64));
                     });
}

// Hands its gradient through to both inputs, sharing one tensor.
Variable plus(const Variable& a, const Variable& b) {
  return make_result("plus", Tensor::scalar(a.value().item() + b.value().item(), DType::f64), {a, b},
                     [](const Tensor& gradient, InputGradients& inputs) {
                       inputs.give(0, gradient);
                       inputs.give(1, gradient);
                     });
}

TEST(Autograd, FanOutSumsAndSharedGradientsStayApart) {
  const Variable a = leaf(3), b = leaf(5);
  const Variable x = multiply(a, b);
  const Variable y = plus(x, a);       // y = ab + a
  const Variable z = multiply(y, x);   // z = (ab + a) ab
  backward(plus(z, y));                // + ab + a
  EXPECT_EQ(a.grad().item(), 2 * 3 * 25 + 2 * 3 * 5 + 5 + 1);
  EXPECT_EQ(b.grad().item(), 2 * 9 * 5 + 9 + 3);
}

TEST(Autograd, LeavesAccumulateOverPassesUntilCleared) {
  const Variable a = leaf(2);
  backward(multiply(a, a));
  backward(multiply(a, a));
  EXPECT_EQ(a.grad().item(), 8);
  a.clear_grad();
  EXPECT_FALSE(a.grad().defined());
}

TEST(Autograd, LongChainsNeitherRecurseInBackwardNorInDestruction) {
  const Variable one = leaf(1);
  Variable x = one;
  for (int i = 0; i < 300000; ++i) x = plus(x, Variable(Tensor::scalar(0, DType::f64)));
  backward(x);
  EXPECT_EQ(one.grad().item(), 1);
  for (int i = 0; i < 300000; ++i) x = plus(x, one);
  x = Variable();  // never walked backward: the whole chain goes at once
}

TEST(Autograd, NoGradRecordsNothing) {
  const Variable a = leaf(2);
  const NoGrad guard;
  EXPECT_FALSE(multiply(a, a).requires_grad());
  EXPECT_THROW(backward(multiply(a, a)), Error);
}

TEST(Autograd, DetachStopsGradients) {
  const Variable a = leaf(3);
  const Variable x = multiply(a, a);
  backward(multiply(x.detach(), a));
  EXPECT_EQ(a.grad().item(), 9);
}

TEST(Autograd, RecomputeGivesTheSameGradients) {
  const Variable weight = leaf(2);
  for (bool input_needs : {true, false}) {
    const Variable x(Tensor::scalar(3, DType::f64), input_needs);
    int calls = 0;
    const auto f = [&](const std::vector<Variable>& in) {
      ++calls;
      return multiply(multiply(in[0], weight), in[0]);
    };
    weight.clear_grad();
    const Variable y = recompute(f, {x});
    EXPECT_EQ(y.value().item(), 18);
    backward(multiply(y, y));
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(weight.grad().item(), 2 * 18 * 9);
    if (input_needs) {
      EXPECT_EQ(x.grad().item(), 2 * 18 * 12);
    }
  }
}

Tensor large() { return Tensor::zeros({100'000}, DType::f64); }

// An op that reads no value in backward.
Variable pass_on(const Variable& a) {
  return make_result("pass_on", a.value().clone(), {a},
                     [](const Tensor& gradient, InputGradients& inputs) { inputs.give(0, gradient); });
}

TEST(Autograd, ValuesThatNoBackwardReadsAreFreed) {
  const Variable a(large(), true);
  const std::size_t before = allocator_stats().in_use;
  Variable x = a;
  for (int i = 0; i < 10; ++i) x = pass_on(x);
  EXPECT_LT(allocator_stats().in_use, before + 2 * a.value().bytes());
}

TEST(Autograd, WhatANodeKeptIsFreedAsSoonAsItHasRun) {
  const Variable a(large(), true);
  Variable x = a;
  const std::size_t without = allocator_stats().in_use;
  std::vector<std::size_t> in_use;
  for (int i = 0; i < 5; ++i)
    x = make_result("keeps", x.value().clone(), {x},
                    [kept = x.value().clone(), &in_use](const Tensor& gradient, InputGradients& inputs) {
                      in_use.push_back(allocator_stats().in_use);
                      inputs.give(0, Tensor::full(gradient.shape(), DType::f64, gradient.to_vector()[0] * 2));
                    });
  backward(x);
  const std::size_t one = a.value().bytes();
  for (std::size_t i = 0; i < 5; ++i) EXPECT_LT(in_use[i], without + (5 - i) * one + 2 * one + one / 2) << i;
  EXPECT_EQ(a.grad().to_vector()[0], 32);
}

TEST(Autograd, ALeafTakesAGradientThatNobodyElseHasWithoutACopy) {
  const Variable a(large(), true);
  const Tensor kept = large();
  const double* given = kept.data<double>();
  backward(make_result("op", large(), {a}, [kept = Tensor(kept)](const Tensor&, InputGradients& inputs) {
    inputs.give(0, kept);
  }));
  EXPECT_NE(a.grad().data<double>(), given);  // the test has it too
  a.clear_grad();
  Variable y;
  {
    const Tensor only = large();
    given = only.data<double>();
    y = make_result("op", large(), {a}, [only](const Tensor&, InputGradients& inputs) { inputs.give(0, only); });
  }
  backward(y);
  EXPECT_EQ(a.grad().data<double>(), given);
  EXPECT_TRUE(a.grad().is_sole_owner());
}

TEST(Autograd, RecomputingConstantsRecordsNothing) {
  const Variable frozen = Variable(Tensor::scalar(2, DType::f64)), x(Tensor::scalar(3, DType::f64));
  const auto f = [&](const std::vector<Variable>& in) { return multiply(in[0], frozen); };
  EXPECT_FALSE(recompute(f, {x}).requires_grad());
  frozen.set_requires_grad(true);
  EXPECT_TRUE(recompute(f, {x}).requires_grad());
}

TEST(Autograd, AWrongGradientShapeIsNamed) {
  const Variable a = leaf(1);
  const Variable bad =
      make_result("bad", Tensor::scalar(1, DType::f64), {a},
                  [](const Tensor&, InputGradients& inputs) { inputs.give(0, Tensor::zeros({2}, DType::f64)); });
  EXPECT_THROW(backward(bad), Error);
}

}  // namespace
}  // namespace modr
