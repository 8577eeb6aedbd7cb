#include "autograd/variable.hpp"

#include <atomic>
#include <queue>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"

namespace modr {

struct Variable::State {
  Tensor value;
  bool requires_grad = false;
  Tensor grad;                 // leaves: accumulated; inner variables: only while backward() passes
  std::shared_ptr<Node> node;  // what made this variable; null for leaves

  ~State();
};

/// A recorded op. `sequence` rises with creation, so a node's readers always have larger numbers.
struct Node {
  const char* name;
  uint64_t sequence;
  std::vector<Variable> inputs;
  BackwardFunction backward;
  Tensor output_gradient;
};

namespace {

thread_local bool recording = true;
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

Variable::State::~State() {
  if (node) destroy(std::move(node));
}

Variable::Variable(Tensor value, bool requires_grad) : state_(std::make_shared<State>()) {
  state_->value = std::move(value);
  state_->requires_grad = requires_grad;
}

const Tensor& Variable::value() const {
  MODR_CHECK(defined(), "the variable is undefined");
  return state_->value;
}

bool Variable::requires_grad() const { return defined() && state_->requires_grad; }

void Variable::set_requires_grad(bool requires_grad) const {
  MODR_CHECK(defined() && !state_->node, "requires_grad is set on leaves only");
  state_->requires_grad = requires_grad;
}

const Tensor& Variable::grad() const {
  MODR_CHECK(defined() && !state_->node, "gradients are kept for leaves only");
  return state_->grad;
}

void Variable::clear_grad() const { state_->grad = Tensor(); }

Tensor Variable::grad_or_zeros() const {
  if (!state_->grad.defined()) state_->grad = Tensor::zeros(value().shape(), value().dtype());
  return state_->grad;
}

Variable Variable::view(std::vector<int64_t> dims) const {
  Tensor viewed = value().view(std::move(dims));
  const Shape original = shape();
  return make_result("view", std::move(viewed), {*this}, [original](const Tensor& gradient, InputGradients& inputs) {
    inputs.give(0, gradient.view_as(original));
  });
}

Variable make_result(const char* name, Tensor value, std::vector<Variable> inputs, BackwardFunction backward) {
  Variable result(std::move(value));
  if (!recording) return result;
  bool needed = false;
  for (const Variable& input : inputs) needed = needed || input.requires_grad();
  if (!needed) return result;
  result.state_->requires_grad = true;
  result.state_->node = std::make_shared<Node>(
      Node{name, next_sequence.fetch_add(1, std::memory_order_relaxed), std::move(inputs), std::move(backward), {}});
  return result;
}

Tensor& InputGradients::gradient_of(const Variable& input) {
  return input.state_->node ? input.state_->node->output_gradient : input.state_->grad;
}

bool InputGradients::needs(std::size_t index) const { return node_.inputs.at(index).requires_grad(); }

void InputGradients::give(std::size_t index, Tensor gradient) {
  const Variable& input = node_.inputs.at(index);
  if (!input.requires_grad()) return;
  MODR_CHECK(gradient.shape() == input.shape(), "{} gave a gradient of shape {} to input {} of shape {}", node_.name,
             gradient.shape().to_string(), index, input.shape().to_string());
  Tensor& target = gradient_of(input);
  if (!target.defined()) {
    target = gradient.contiguous();
    if (!input.state_->node) own(target);
  } else {
    own(target);
    target.add(gradient.contiguous());
  }
}

Tensor InputGradients::accumulator(std::size_t index) {
  const Variable& input = node_.inputs.at(index);
  MODR_CHECK(input.requires_grad(), "input {} of {} needs no gradient", index, node_.name);
  Tensor& target = gradient_of(input);
  if (target.defined()) {
    own(target);
  } else {
    target = Tensor::zeros(input.shape(), input.dtype());
  }
  return target;
}

void backward(const Variable& root, Tensor seed) {
  MODR_CHECK(root.requires_grad(), "backward() of something that depends on no variable with requires_grad");
  if (!seed.defined()) seed = Tensor::full(root.shape(), root.dtype(), 1);
  MODR_CHECK(seed.shape() == root.shape(), "seed of shape {} for a root of shape {}", seed.shape().to_string(),
             root.shape().to_string());
  if (!root.state_->node) {
    root.grad_or_zeros().add(seed);
    return;
  }
  const auto earlier = [](const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) {
    return a->sequence < b->sequence;
  };
  std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, decltype(earlier)> ready(earlier);
  std::unordered_set<const Node*> seen{root.state_->node.get()};
  root.state_->node->output_gradient = std::move(seed);
  ready.push(root.state_->node);
  while (!ready.empty()) {
    const std::shared_ptr<Node> node = ready.top();
    ready.pop();
    MODR_CHECK(node->backward != nullptr, "backward() passed {} a second time", node->name);
    if (node->output_gradient.defined()) {
      InputGradients inputs(*node);
      node->backward(node->output_gradient, inputs);
    }
    for (const Variable& input : node->inputs)
      if (input.state_->node && seen.insert(input.state_->node.get()).second) ready.push(input.state_->node);
    node->output_gradient = Tensor();
    node->backward = nullptr;  // frees what it kept
    std::vector<Variable>().swap(node->inputs);
  }
}

bool grad_enabled() { return recording; }
GradMode::GradMode(bool enabled) : before_(recording) { recording = enabled; }
GradMode::~GradMode() { recording = before_; }

Variable recompute(const std::function<Variable(const std::vector<Variable>&)>& f, std::vector<Variable> inputs) {
  if (!recording) return f(inputs);
  Tensor value;
  {
    std::vector<Variable> constants;
    for (const Variable& input : inputs) constants.push_back(input.detach());
    const NoGrad guard;
    value = f(constants).value();
  }
  const std::vector<Variable> kept = inputs;
  bool any_needs_gradient = false;
  for (const Variable& input : inputs) any_needs_gradient = any_needs_gradient || input.requires_grad();
  // Leaves used inside f are not among the inputs; an empty leaf makes the node exist for their sake.
  if (!any_needs_gradient) inputs.push_back(Variable(Tensor::zeros({0}, value.dtype()), true));
  return make_result("recompute", std::move(value), std::move(inputs),
                     [f, kept](const Tensor& gradient, InputGradients& outer) {
                       std::vector<Variable> leaves;
                       for (const Variable& input : kept) leaves.emplace_back(input.value(), input.requires_grad());
                       const GradMode guard(true);
                       const Variable again = f(leaves);
                       if (!again.requires_grad()) return;
                       backward(again, gradient.clone());
                       for (std::size_t i = 0; i < kept.size(); ++i)
                         if (leaves[i].requires_grad() && leaves[i].grad().defined()) outer.give(i, leaves[i].grad());
                     });
}

}  // namespace modr
