#include "optim/grad_clip.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace modr {
namespace {

Parameter with_gradient(const std::vector<double>& gradient, DType dtype = DType::f64) {
  const Shape shape{static_cast<int64_t>(gradient.size())};
  const Parameter parameter{"p", Variable(Tensor::zeros(shape, dtype), true)};
  parameter.variable.grad_or_zeros().copy_from(Tensor::from<double>(gradient, shape, DType::f64));
  return parameter;
}

// Clips by the gradients' own norm and returns it.
double clip(const ParameterList& parameters, double max_norm) {
  const double norm = grad_norm(parameters);
  clip_gradients(parameters, norm, max_norm);
  return norm;
}

TEST(GradClip, NormIsOverAllParameters) {
  const ParameterList parameters = {with_gradient({1, 2}), with_gradient({4, 10}, DType::f32)};
  EXPECT_DOUBLE_EQ(grad_norm(parameters), 11);  // 1 + 4 + 16 + 100
  EXPECT_DOUBLE_EQ(clip(parameters, 5.5), 11);
  EXPECT_EQ(parameters[0].variable.grad().to_vector(), (std::vector<double>{0.5, 1}));
  EXPECT_EQ(parameters[1].variable.grad().to_vector(), (std::vector<double>{2, 5}));
  EXPECT_DOUBLE_EQ(grad_norm(parameters), 5.5);
}

TEST(GradClip, SmallerNormsAndZeroLeaveGradientsAlone) {
  const ParameterList parameters = {with_gradient({3, 4})};
  for (double max_norm : {5.0, 6.0, 0.0}) {
    EXPECT_DOUBLE_EQ(clip(parameters, max_norm), 5);
    EXPECT_EQ(parameters[0].variable.grad().to_vector(), (std::vector<double>{3, 4}));
  }
  EXPECT_THROW(clip(parameters, -1), std::exception);
}

TEST(GradClip, SquaresDoNotOverflowInFloat) {
  const ParameterList parameters = {with_gradient({3e30, 4e30}, DType::f32)};
  EXPECT_NEAR(clip(parameters, 1) / 5e30, 1, 1e-6);
  EXPECT_NEAR(grad_norm(parameters), 1, 1e-6);
}

TEST(GradClip, FrozenAndGradientLessParametersAreSkipped) {
  const Parameter frozen = with_gradient({100}), missing{"m", Variable(Tensor::zeros({2}, DType::f64), true)};
  frozen.variable.set_requires_grad(false);
  const ParameterList parameters = {frozen, missing, with_gradient({3, 4})};
  EXPECT_DOUBLE_EQ(clip(parameters, 2.5), 5);
  EXPECT_EQ(frozen.variable.grad().to_vector(), (std::vector<double>{100}));
  EXPECT_FALSE(missing.variable.grad().defined());
  EXPECT_EQ(parameters[2].variable.grad().to_vector(), (std::vector<double>{1.5, 2}));
  EXPECT_EQ(grad_norm({}), 0);
}

TEST(GradClip, ANormThatIsNotFiniteIsReturnedAndNothingScaled) {
  for (double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    const ParameterList parameters = {with_gradient({1, bad})};
    EXPECT_FALSE(std::isfinite(clip(parameters, 0.5)));
    EXPECT_EQ(parameters[0].variable.grad().to_vector()[0], 1);
  }
}

}  // namespace
}  // namespace modr
