#include "optim/grad_clip.hpp"

#include <cmath>

#include "base/error.hpp"

namespace modr {

namespace {

bool has_gradient(const Variable& variable) { return variable.requires_grad() && variable.grad().defined(); }

}  // namespace

double grad_norm(const ParameterList& parameters) {
  std::vector<Tensor> grads;
  for (const Parameter& parameter : parameters)
    if (has_gradient(parameter.variable)) grads.push_back(parameter.variable.grad());
  if (grads.empty()) return 0;
  const Tensor sum = Tensor::zeros({}, {DType::f64, grads.front().device()});
  add_squares(grads, sum);
  return std::sqrt(sum.item());
}

void clip_gradients(const ParameterList& parameters, double norm, double max_norm) {
  MODR_CHECK(max_norm >= 0, "clipping to the norm {}", max_norm);
  if (max_norm == 0 || !std::isfinite(norm) || norm <= max_norm) return;
  for (const Parameter& parameter : parameters)
    if (has_gradient(parameter.variable)) parameter.variable.grad().scale(max_norm / norm);
}

}  // namespace modr
