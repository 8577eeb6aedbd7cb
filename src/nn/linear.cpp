#include "nn/linear.hpp"

#include "base/error.hpp"
#include "ops/linear.hpp"

namespace modr {

Linear::Linear(std::string name, int64_t in, int64_t out, DType dtype)
    : name_(std::move(name)), weight_(Tensor::zeros({out, in}, dtype), true) {}

void Linear::attach(ops::LoraWeights lora) {
  drop_merged();
  lora_ = std::move(lora);
}

void Linear::merge_lora() {
  if (!lora_) return;
  drop_merged();  // first, so that its memory serves the new one; a graph under way keeps its own
  lora_->merged = ops::merged_weights(weight_, *lora_);
  merged_from_ = sample();
}

void Linear::drop_merged() {
  if (lora_) lora_->merged = Tensor();
  merged_from_.clear();
}

// A few values of W, A and B, spread evenly: an optimizer's step or a loaded file changes some of them.
std::vector<double> Linear::sample() const {
  constexpr std::size_t per_tensor = 64;
  std::vector<double> values;
  for (const Variable* variable : {&weight_, &lora_->a, &lora_->b})
    dispatch(variable->dtype(), [&]<typename T>() {
      const auto all = variable->value().span<T>();
      const std::size_t stride = all.size() / per_tensor | 1;  // odd: not always the same column
      for (std::size_t i = 0; i < all.size(); i += stride) values.push_back(static_cast<double>(all[i]));
    });
  return values;
}

Variable Linear::operator()(const Variable& x, const RowGroups& groups) const {
  if (!lora_) return ops::linear(x, weight_);
  MODR_CHECK(groups != nullptr, "{} has adapters, but its rows have no branches", name_);
  MODR_CHECK(!lora_->merged.defined() || merged_from_ == sample(),
             "{} has changed since its adapters were merged: merge_lora() again or drop_merged()", name_);
  return ops::lora_linear(x, weight_, *lora_, groups);
}

void Linear::collect(ParameterList& parameters) const {
  parameters.push_back({name_ + ".weight", weight_});
  if (!lora_) return;
  parameters.push_back({name_ + ".lora_A", lora_->a});
  parameters.push_back({name_ + ".lora_B", lora_->b});
}

}  // namespace modr
