#include "nn/norm.hpp"

#include "ops/rms_norm.hpp"

namespace modr {

RmsNorm::RmsNorm(std::string name, int64_t width, double eps, TensorType type)
    : name_(std::move(name)), eps_(eps), weight_(Tensor::full({width}, type, 1), true) {}

Variable RmsNorm::operator()(const Variable& x) const { return ops::rms_norm(x, weight_, eps_); }

Variable RmsNorm::operator()(const Variable& x, const Variable& residual) const {
  return ops::add_rms_norm(x, residual, weight_, eps_);
}

void RmsNorm::collect(ParameterList& parameters) const { parameters.push_back({name_ + ".weight", weight_}); }

}  // namespace modr
