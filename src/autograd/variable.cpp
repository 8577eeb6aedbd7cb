#include "autograd/variable.hpp"

#include <atomic>
#include <queue>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"

namespace modr {

struct Variable::State {
  Tensor value;
  std::shared_ptr<GradientSlot> slot;  // null: a constant
};

/// All of a variable that nodes keep: where its gradient goes. Its value is kept only by those that compute with it.
struct GradientSlot {
  Shape shape;
  TensorType type;
  bool requires_grad;
  Tensor grad = {};                 // leaves: accumulated
  std::shared_ptr<Node> node = {};  // what made the variable; null for leaves

  ~GradientSlot();
};

/// A recorded op. `sequence` rises with creation, so a node's readers always have larger numbers.
struct Node {
  const char* name;
  uint64_t sequence;
  std::vector<std::shared_ptr<GradientSlot>> inputs;  // null: constants
  BackwardFunction backward;
  Tensor output_gradient;
};

namespace {

constexpr const char *of_leaves = "gradients", *of_rows = "gradients of rows";  // what memory is for, in plans

thread_local bool recording = true;
thread_local bool met_trainable = false;  // an op that recorded nothing had an input that requires a gradient
std::atomic<uint64_t> next_sequence{0};

// Nodes whose last owner has gone, emptied in a loop: destroying a long chain must not recurse.
void destroy(std::shared_ptr<Node> first) {
  thread_local std::vector<std::shared_ptr<Node>> pending;
  thread_local bool draining = false;
  pending.push_back(std::move(first));
  if (draining) return;
  draining = true;
  while (!pending.empty()) {
    std::shared_ptr<Node> node = std::move(pending.back());
    pending.pop_back();
    node.reset();
  }
  draining = false;
}

// A gradient handed through unchanged (add, view) may have several owners; only a sole owner may write to it.
void own(Tensor& gradient) {
  if (!gradient.is_sole_owner()) gradient = gradient.clone();
}

}  // namespace

GradientSlot::~GradientSlot() {
  if (node) destroy(std::move(node));
}

Variable::Variable(Tensor value, bool requires_grad) : state_(std::make_shared<State>()) {
  state_->value = std::move(value);
  if (requires_grad) set_requires_grad(true);
}

const Tensor& Variable::value() const {
  MODR_CHECK(defined(), "the variable is undefined");
  return state_->value;
}

bool Variable::requires_grad() const { return defined() && state_->slot && state_->slot->requires_grad; }

GradientSlot& Variable::leaf_slot() const {
  MODR_CHECK(defined(), "the variable is undefined");
  if (!state_->slot) state_->slot = std::make_shared<GradientSlot>(GradientSlot{shape(), type(), false});
  MODR_CHECK(!state_->slot->node, "gradients are kept for leaves only, not for {}", shape().to_string());
  return *state_->slot;
}

void Variable::set_requires_grad(bool requires_grad) const { leaf_slot().requires_grad = requires_grad; }

const Tensor& Variable::grad() const { return leaf_slot().grad; }

void Variable::clear_grad() const { leaf_slot().grad = Tensor(); }

Tensor Variable::grad_or_zeros() const {
  GradientSlot& slot = leaf_slot();
  if (!slot.grad.defined()) {
    slot.grad = Tensor::zeros(shape(), type());
    slot.grad.set_use(of_leaves);
  }
  return slot.grad;
}

Variable Variable::view(std::vector<int64_t> dims) const {
  Tensor viewed = value().view(std::move(dims));
  const Shape original = shape();
  return make_result("view", std::move(viewed), {*this}, [original](const Tensor& gradient, InputGradients& inputs) {
    inputs.give(0, gradient.view_as(original));
  });
}

Variable make_result(const char* name, Tensor value, const std::vector<Variable>& inputs, BackwardFunction backward) {
  Variable result(std::move(value));
  bool needed = false;
  for (const Variable& input : inputs) needed = needed || input.requires_grad();
  if (!needed) return result;
  if (!recording) {
    met_trainable = true;
    return result;
  }
  if (result.device().is_meta()) result.value().set_use(fmt::format("kept for backward: {}", name));
  auto node = std::make_shared<Node>(
      Node{name, next_sequence.fetch_add(1, std::memory_order_relaxed), {}, std::move(backward), {}});
  for (const Variable& input : inputs) node->inputs.push_back(input.defined() ? input.state_->slot : nullptr);
  result.state_->slot =
      std::make_shared<GradientSlot>(GradientSlot{result.shape(), result.type(), true, {}, std::move(node)});
  return result;
}

namespace {

Tensor& gradient_of(GradientSlot& slot) { return slot.node ? slot.node->output_gradient : slot.grad; }

}  // namespace

bool InputGradients::needs(std::size_t index) const {
  const auto& input = node_.inputs.at(index);
  return input && input->requires_grad;
}

void InputGradients::give(std::size_t index, Tensor gradient) {
  if (!needs(index)) return;
  GradientSlot& input = *node_.inputs[index];
  MODR_CHECK(gradient.shape() == input.shape, "{} gave a gradient of shape {} to input {} of shape {}", node_.name,
             gradient.shape().to_string(), index, input.shape.to_string());
  Tensor& target = gradient_of(input);
  if (!target.defined()) {
    target = gradient.contiguous();
    if (!input.node) target.set_use(of_leaves);
  } else {
    own(target);
    target.add(gradient.contiguous());
  }
}

Tensor InputGradients::accumulator(std::size_t index) {
  MODR_CHECK(needs(index), "input {} of {} needs no gradient", index, node_.name);
  GradientSlot& input = *node_.inputs[index];
  Tensor& target = gradient_of(input);
  if (target.defined()) {
    own(target);
  } else {
    target = Tensor::zeros(input.shape, input.type);
    if (!input.node) target.set_use(of_leaves);
  }
  return target;
}

namespace {

// Runs a node and frees what it kept. Leaves keep their gradients beyond the pass and let others write to them.
void run(Node& node) {
  if (node.output_gradient.defined()) {
    InputGradients inputs(node);
    node.backward(node.output_gradient, inputs);
  }
  node.output_gradient = Tensor();
  node.backward = nullptr;
  for (const auto& input : node.inputs)
    if (input && !input->node && input->grad.defined()) own(input->grad);
}

}  // namespace

void backward(const Variable& root, Tensor seed) {
  MODR_CHECK(root.requires_grad(), "backward() of something that depends on no variable with requires_grad");
  const MemoryUse use(of_rows);
  if (!seed.defined()) seed = Tensor::full(root.shape(), root.type(), 1);
  MODR_CHECK(seed.shape() == root.shape(), "seed of shape {} for a root of shape {}", seed.shape().to_string(),
             root.shape().to_string());
  const std::shared_ptr<Node>& last = root.state_->slot->node;
  if (!last) {
    root.grad_or_zeros().add(seed);
    return;
  }
  const auto earlier = [](const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) {
    return a->sequence < b->sequence;
  };
  std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, decltype(earlier)> ready(earlier);
  std::unordered_set<const Node*> seen{last.get()};
  last->output_gradient = std::move(seed);
  ready.push(last);
  while (!ready.empty()) {
    const std::shared_ptr<Node> node = ready.top();
    ready.pop();
    MODR_CHECK(node->backward != nullptr, "backward() passed {} a second time", node->name);
    run(*node);
    for (const auto& input : node->inputs)
      if (input && input->node && seen.insert(input->node.get()).second) ready.push(input->node);
    std::vector<std::shared_ptr<GradientSlot>>().swap(node->inputs);
  }
}

bool grad_enabled() { return recording; }
GradMode::GradMode(bool enabled) : before_(recording) { recording = enabled; }
GradMode::~GradMode() { recording = before_; }

Variable recompute(const std::function<Variable(const std::vector<Variable>&)>& f, std::vector<Variable> inputs) {
  if (!recording) return f(inputs);
  Tensor value;
  met_trainable = false;
  {
    std::vector<Variable> constants;
    for (const Variable& input : inputs) constants.push_back(input.detach());
    const NoGrad guard;
    value = f(constants).value();
  }
  const std::vector<Variable> kept = inputs;
  // Leaves used inside f are not among the inputs; where some train, an empty leaf makes the node exist for their sake.
  if (met_trainable) inputs.push_back(Variable(Tensor::zeros({0}, exact(value.type())), true));
  return make_result("recompute", std::move(value), inputs,
                     [f, kept](const Tensor& gradient, InputGradients& outer) {
                       std::vector<Variable> leaves;
                       for (const Variable& input : kept) leaves.emplace_back(input.value(), input.requires_grad());
                       const GradMode guard(true);
                       const Variable again = f(leaves);
                       if (!again.requires_grad()) return;
                       backward(again, gradient);
                       for (std::size_t i = 0; i < kept.size(); ++i)
                         if (leaves[i].requires_grad() && leaves[i].grad().defined()) outer.give(i, leaves[i].grad());
                     });
}

}  // namespace modr
