#include "nn/linear.hpp"

#include "base/error.hpp"
#include "ops/linear.hpp"

namespace modr {

Linear::Linear(std::string name, int64_t in, int64_t out, DType dtype)
    : name_(std::move(name)), weight_(Tensor::zeros({out, in}, dtype), true) {}

Variable Linear::operator()(const Variable& x, const RowGroups& groups) const {
  if (!lora_) return ops::linear(x, weight_);
  MODR_CHECK(groups != nullptr, "{} has adapters, but its rows have no branches", name_);
  return ops::lora_linear(x, weight_, *lora_, groups);
}

void Linear::collect(ParameterList& parameters) const {
  parameters.push_back({name_ + ".weight", weight_});
  if (!lora_) return;
  parameters.push_back({name_ + ".lora_A", lora_->a});
  parameters.push_back({name_ + ".lora_B", lora_->b});
}

}  // namespace modr
