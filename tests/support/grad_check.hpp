#pragma once
// Gradient check: the tape's gradients in double against central differences of the op itself.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "autograd/variable.hpp"
#include "base/philox.hpp"

namespace modr::testing {

/// Normal random values times `scale`, the same for equal seeds.
inline Tensor random_tensor(Shape shape, uint64_t seed, double scale = 1, DType dtype = DType::f64) {
  PhiloxSequence rng(seed, RandomStream::init);
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) value = scale * rng.normal();
  return Tensor::from<double>(values, std::move(shape), dtype);
}

inline Variable random_leaf(Shape shape, uint64_t seed, double scale = 1) {
  return Variable(random_tensor(std::move(shape), seed, scale), true);
}

using Function = std::function<Variable(const std::vector<Variable>&)>;

/// Checks d <f(leaves), c> / d leaf for a random cotangent c, every element of every leaf.
inline void check_gradients(const Function& f, const std::vector<Variable>& leaves, double tolerance = 1e-7) {
  const Variable out = f(leaves);
  const Tensor cotangent = random_tensor(out.shape(), 999);
  for (const Variable& leaf : leaves) leaf.clear_grad();
  backward(out, cotangent.clone());
  const auto objective = [&] {
    const NoGrad guard;
    const std::vector<double> y = f(leaves).value().to_vector(), c = cotangent.to_vector();
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * c[i];
    return sum;
  };
  for (std::size_t which = 0; which < leaves.size(); ++which) {
    const std::vector<double> gradient = leaves[which].grad_or_zeros().to_vector();
    auto* values = leaves[which].value().data<double>();
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const double before = values[i], step = 1e-5 * std::max(1.0, std::abs(before));
      values[i] = before + step;
      const double above = objective();
      values[i] = before - step;
      const double below = objective();
      values[i] = before;
      const double expected = (above - below) / (2 * step);
      ASSERT_NEAR(gradient[i], expected, tolerance * std::max(1.0, std::abs(expected)) + 1e-8)
          << "input " << which << ", element " << i;
    }
  }
}

}  // namespace modr::testing
