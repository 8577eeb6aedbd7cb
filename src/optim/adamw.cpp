#include "optim/adamw.hpp"

#include <unordered_map>

#include "base/error.hpp"
#include "kernels/api/adamw.hpp"

namespace modr {

namespace {

bool is_matrix(const Parameter& parameter) {
  return parameter.variable.value().rank() >= 2 && !parameter.name.ends_with("bias");
}

}  // namespace

AdamW::AdamW(const ParameterList& parameters, const OptimConfig& config) : config_(config) {
  config_.validate();
  for (const Parameter& parameter : parameters) {
    if (!parameter.variable.requires_grad()) continue;
    const Tensor& value = parameter.variable.value();
    const double weight_decay = config_.decay_vectors || is_matrix(parameter) ? config_.weight_decay : 0;
    slots_.push_back({parameter, weight_decay, Tensor::zeros(value.shape(), value.dtype()),
                      Tensor::zeros(value.shape(), value.dtype())});
  }
}

void AdamW::step(double lr) {
  ++num_steps_;
  for (const Slot& slot : slots_)
    if (slot.parameter.variable.requires_grad()) update(slot, lr);
}

void AdamW::update(const Slot& slot, double lr) const {
  const kernels::cpu::AdamWStep numbers{.lr = lr,
                                        .beta1 = config_.beta1,
                                        .beta2 = config_.beta2,
                                        .eps = config_.eps,
                                        .weight_decay = slot.weight_decay,
                                        .step = num_steps_};
  const Tensor& value = slot.parameter.variable.value();
  const Tensor grad = slot.parameter.variable.grad_or_zeros();
  dispatch(value.dtype(), [&]<typename T>() {
    kernels::cpu::adamw(numbers, grad.span<T>().data(), value.numel(), slot.exp_avg.data<T>(),
                        slot.exp_avg_sq.data<T>(), value.span<T>().data());
  });
}

NamedTensors AdamW::state() const {
  NamedTensors result;
  result.reserve(2 * slots_.size());
  for (const Slot& slot : slots_) {
    result.emplace_back("exp_avg/" + slot.parameter.name, slot.exp_avg);
    result.emplace_back("exp_avg_sq/" + slot.parameter.name, slot.exp_avg_sq);
  }
  return result;
}

void AdamW::restore(int64_t num_steps, const NamedTensors& state) {
  if (num_steps < 0) fail("optimizer state: expected a step count of 0 or more, found {}", num_steps);
  std::unordered_map<std::string, Tensor> given(state.begin(), state.end());
  std::vector<std::pair<Tensor, Tensor>> copies;  // (to, from), made only when all of them fit
  for (const auto& [name, tensor] : this->state()) {
    const auto found = given.find(name);
    if (found == given.end()) fail("optimizer state: expected a tensor '{}', found none", name);
    if (found->second.shape() != tensor.shape())
      fail("optimizer state '{}': expected shape {}, found {}", name, tensor.shape().to_string(),
           found->second.shape().to_string());
    copies.emplace_back(tensor, found->second);
    given.erase(found);
  }
  if (!given.empty()) fail("optimizer state '{}' belongs to no trainable parameter", given.begin()->first);
  for (const auto& [to, from] : copies) to.copy_from(from);
  num_steps_ = num_steps;
}

}  // namespace modr
