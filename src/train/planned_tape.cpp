#include "train/planned_tape.hpp"

#include <queue>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"

namespace modr {

struct PlannedSlot {
  int64_t bytes;
  std::string_view use;                    // of a gradient
  PlannedBlock grad = {};                  // leaves: until the end of the step
  std::shared_ptr<PlannedNode> node = {};  // null: a leaf
};

namespace {

constexpr std::string_view of_rows = "gradients of rows", of_weights = "gradients";

PlannedBlock& gradient_of(PlannedSlot& slot) { return slot.node ? slot.node->output_gradient : slot.grad; }

}  // namespace

bool PlannedGradients::needs(std::size_t index) const { return node_.inputs.at(index) != nullptr; }

PlannedBlock PlannedGradients::take_for(const PlannedSlot& slot) {
  return ledger_.take(slot.use, slot.bytes);
}

void PlannedGradients::own(PlannedSlot& slot) {
  PlannedBlock& gradient = gradient_of(slot);
  if (gradient.use_count() > 1) gradient = take_for(slot);
}

void PlannedGradients::give(std::size_t index, PlannedBlock gradient) {
  if (!needs(index)) return;
  PlannedSlot& slot = *node_.inputs[index];
  PlannedBlock& target = gradient_of(slot);
  if (target != nullptr) return own(slot);
  gradient->set_use(slot.use);
  target = std::move(gradient);
}

PlannedBlock PlannedGradients::accumulator(std::size_t index) {
  MODR_CHECK(needs(index), "input {} of {} needs no gradient", index, node_.op);
  PlannedSlot& slot = *node_.inputs[index];
  PlannedBlock& target = gradient_of(slot);
  if (target != nullptr) own(slot);
  else target = take_for(slot);
  return target;
}

PlannedVariable PlannedTape::rows(int64_t rows, int64_t columns, DType dtype) {
  PlannedVariable variable{rows, columns, dtype};
  variable.value = take("rows under way", variable.bytes());
  return variable;
}

PlannedVariable PlannedTape::leaf(int64_t rows, int64_t columns, DType dtype, bool trains) {
  PlannedVariable variable{rows, columns, dtype};
  variable.value = take("weights", variable.bytes());
  if (trains) variable.slot = std::make_shared<PlannedSlot>(PlannedSlot{variable.bytes(), of_weights});
  return variable;
}

PlannedVariable PlannedTape::received(int64_t rows, int64_t columns, DType dtype, PlannedBlock block,
                                      bool flows_back) {
  PlannedVariable variable{rows, columns, dtype, std::move(block)};
  if (flows_back) variable.slot = std::make_shared<PlannedSlot>(PlannedSlot{variable.bytes(), of_rows});
  return variable;
}

PlannedVariable PlannedTape::result(const char* op, PlannedVariable value, const std::vector<PlannedVariable>& inputs,
                                    std::vector<PlannedBlock> kept, PlannedBackward backward) {
  bool needed = false;
  for (const PlannedVariable& input : inputs) needed = needed || input.slot != nullptr;
  if (!needed) return value;
  if (!recording_) {
    met_trainable_ = true;
    return value;
  }
  auto node = std::make_shared<PlannedNode>(
      PlannedNode{op, next_sequence_++, {}, std::move(kept), std::move(backward), {}});
  for (const PlannedVariable& input : inputs) node->inputs.push_back(input.slot);
  for (const PlannedBlock& block : node->kept) block->set_use(fmt::format("kept for backward: {}", op));
  value.slot = std::make_shared<PlannedSlot>(PlannedSlot{value.bytes(), of_rows, {}, std::move(node)});
  return value;
}

void PlannedTape::backward(const PlannedVariable& root, PlannedBlock seed) {
  const std::shared_ptr<PlannedNode>& last = root.slot->node;
  if (!last) return;
  const auto earlier = [](const auto& a, const auto& b) { return a->sequence < b->sequence; };
  using NodePtr = std::shared_ptr<PlannedNode>;
  std::priority_queue<NodePtr, std::vector<NodePtr>, decltype(earlier)> ready(earlier);
  std::unordered_set<const PlannedNode*> seen{last.get()};
  last->output_gradient = std::move(seed);
  ready.push(last);
  while (!ready.empty()) {
    const NodePtr node = ready.top();
    ready.pop();
    if (node->output_gradient != nullptr) {
      PlannedGradients inputs(ledger_, *node);
      node->backward(node->output_gradient, inputs);
    }
    node->output_gradient = nullptr;
    node->backward = nullptr;
    node->kept.clear();
    for (const auto& input : node->inputs)
      if (input && input->node && seen.insert(input->node.get()).second) ready.push(input->node);
    node->inputs.clear();
  }
}

PlannedVariable PlannedTape::recompute(const std::function<PlannedVariable(const PlannedVariable&)>& f,
                                       PlannedVariable input) {
  if (!recording_) return f(input);
  met_trainable_ = false;
  PlannedVariable constant = input;
  constant.slot = nullptr;
  PlannedVariable value = with_gradient(false, [&] { return f(constant); });
  value.slot = nullptr;
  std::vector<PlannedVariable> inputs{input};
  if (met_trainable_) inputs.push_back(leaf(0, 0, value.dtype, true));
  return result("recompute", value, inputs, {input.value},
                [this, f, input](const PlannedBlock& gradient, PlannedGradients& outer) {
                  PlannedVariable again = input;
                  if (input.slot) again.slot = std::make_shared<PlannedSlot>(PlannedSlot{input.bytes(), of_rows});
                  const Mode mode(recording_, true);
                  backward(f(again), gradient);
                  if (again.slot && again.slot->grad) outer.give(0, std::exchange(again.slot->grad, nullptr));
                });
}

}  // namespace modr
