#include <gtest/gtest.h>

#include "ops/arithmetic.hpp"
#include "ops/rms_norm.hpp"
#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::check_gradients;
using testing::random_leaf;
using testing::random_tensor;

TEST(GradCheck, AddRmsNorm) {
  check_gradients([](const auto& in) { return ops::add_rms_norm(in[0], in[1], in[2], 1e-3); },
                  {random_leaf({3, 5}, 1), random_leaf({3, 5}, 2), random_leaf({5}, 3)});
}

// The same variable twice, and a residual that others read too: the one gradient tensor is shared, not written to.
TEST(GradCheck, AddRmsNormOfSharedInputs) {
  check_gradients([](const auto& in) { return ops::add_rms_norm(in[0], in[0], in[1], 1e-3); },
                  {random_leaf({3, 5}, 1), random_leaf({5}, 3)});
  check_gradients(
      [](const auto& in) {
        const Variable x = ops::add(in[0], in[0]);
        const Variable y = ops::add_rms_norm(ops::rms_norm(x, in[1], 1e-3), x, in[1], 1e-3);
        return ops::add_rms_norm(ops::rms_norm(y, in[1], 1e-3), y, in[1], 1e-3);
      },
      {random_leaf({3, 5}, 1), random_leaf({5}, 3)});
}

// Enough rows for all pieces and several threads.
TEST(RmsNorm, FusedIsTheNormOfTheSum) {
  const auto leaf = [](Shape shape, uint64_t seed) { return Variable(random_tensor(shape, seed), true); };
  const Variable x = leaf({701, 130}, 1), residual = leaf({701, 130}, 2), weight = leaf({130}, 3);
  const Variable fused = ops::add_rms_norm(x, residual, weight, 1e-6);
  const Tensor dy = random_tensor({701, 130}, 4);
  backward(fused, dy.clone());
  const Tensor dx = x.grad().clone(), dresidual = residual.grad().clone(), dweight = weight.grad().clone();
  for (const Variable& each : {x, residual, weight}) each.clear_grad();
  const Variable plain = ops::rms_norm(ops::add(x, residual), weight, 1e-6);
  backward(plain, dy.clone());
  EXPECT_EQ(fused.value().to_vector(), plain.value().to_vector());
  EXPECT_EQ(dx.to_vector(), x.grad().to_vector());
  EXPECT_EQ(dresidual.to_vector(), residual.grad().to_vector());
  EXPECT_EQ(dweight.to_vector(), weight.grad().to_vector());
}

TEST(RmsNorm, ShapesMustFit) {
  EXPECT_THROW(ops::add_rms_norm(random_leaf({3, 5}, 1), random_leaf({2, 5}, 2), random_leaf({5}, 3), 1e-6), Error);
  EXPECT_THROW(ops::add_rms_norm(random_leaf({3, 5}, 1), random_leaf({3, 5}, 2), random_leaf({4}, 3), 1e-6), Error);
}

}  // namespace
}  // namespace modr
