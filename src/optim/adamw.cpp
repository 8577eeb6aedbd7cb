#include "optim/adamw.hpp"

#include <map>

#include "base/error.hpp"
#include "kernels/api/adamw.hpp"
#include "tensor/run_on.hpp"

namespace modr {

namespace {

bool is_matrix(const Parameter& parameter) {
  return parameter.variable.value().rank() >= 2 && !parameter.name.ends_with("bias");
}

}  // namespace

AdamW::AdamW(const ParameterList& parameters, const OptimConfig& config) : config_(config) {
  config_.validate();
  const MemoryUse use("optimizer moments");
  for (const Parameter& parameter : parameters) {
    if (!parameter.variable.requires_grad()) continue;
    const Tensor& value = parameter.variable.value();
    const double weight_decay = config_.decay_vectors || is_matrix(parameter) ? config_.weight_decay : 0;
    slots_.push_back({parameter, weight_decay, Tensor::zeros(value.shape(), value.type()),
                      Tensor::zeros(value.shape(), value.type())});
  }
}

void AdamW::step(double lr) {
  ++num_steps_;
  std::map<DType, std::vector<const Slot*>> slots_of;
  for (const Slot& slot : slots_) {
    if (!slot.parameter.variable.requires_grad()) continue;
    slot.parameter.variable.grad_or_zeros();
    slots_of[slot.exp_avg.dtype()].push_back(&slot);
  }
  for (const auto& [dtype, slots] : slots_of) update(slots, lr);
}

void AdamW::update(const std::vector<const Slot*>& slots, double lr) const {
  const kernels::AdamWStep numbers{
      .lr = lr, .beta1 = config_.beta1, .beta2 = config_.beta2, .eps = config_.eps, .step = num_steps_};
  run_exactly_on(slots.front()->exp_avg, [&]<typename T>(auto on) {
    std::vector<kernels::AdamWTensor<T>> tensors;
    for (const Slot* slot : slots) {
      const Variable& variable = slot->parameter.variable;
      tensors.push_back({variable.grad().template dense<T>(), slot->exp_avg.numel(), slot->exp_avg.pointer<T>(),
                         slot->exp_avg_sq.pointer<T>(), variable.value().template dense<T>(), slot->weight_decay});
    }
    kernels::adamw<T>(on, numbers, tensors);
  });
  for (const Slot* slot : slots) slot->parameter.variable.value().changed();
}

std::vector<TensorPart> AdamW::state() const {
  std::vector<TensorPart> result;
  result.reserve(2 * slots_.size());
  for (const Slot& slot : slots_) {
    const auto& [name, variable, first_row, num_rows] = slot.parameter;
    result.push_back({"exp_avg/" + name, slot.exp_avg, first_row, num_rows});
    result.push_back({"exp_avg_sq/" + name, slot.exp_avg_sq, first_row, num_rows});
  }
  return result;
}

void AdamW::resume_after(int64_t num_steps) {
  MODR_CHECK(num_steps >= 0, "an optimizer after {} updates", num_steps);
  num_steps_ = num_steps;
}

}  // namespace modr
