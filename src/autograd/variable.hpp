#pragma once
// The tape. An op computes its value, and when a gradient will be asked for it records a Node: its inputs and a
// function that turns the gradient of its output into gradients of its inputs. backward() walks the nodes once, from
// the last made to the first, without recursion; destroying a graph does not recurse either.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tensor/run_on.hpp"
#include "tensor/tensor.hpp"

namespace modr {

class Variable;
class InputGradients;
struct Node;
struct GradientSlot;

/// Computes the inputs' gradients from the output's; called at most once a backward pass.
using BackwardFunction = std::function<void(const Tensor& output_gradient, InputGradients& inputs)>;

/// A tensor in a computation: a leaf (parameter or constant) or the output of an op. A handle; copies are the same
/// variable.
class Variable {
 public:
  Variable() = default;
  /// A leaf. With `requires_grad`, backward() accumulates into grad().
  explicit Variable(Tensor value, bool requires_grad = false);

  bool defined() const { return state_ != nullptr; }
  const Tensor& value() const;
  const Shape& shape() const { return value().shape(); }
  int64_t size(int64_t dim) const { return value().size(dim); }
  DType dtype() const { return value().dtype(); }
  Device device() const { return value().device(); }
  TensorType type() const { return value().type(); }

  /// True when backward() has something to do for this variable.
  bool requires_grad() const;
  /// Leaves only: from now on, whether a gradient is accumulated.
  void set_requires_grad(bool requires_grad) const;
  /// Leaves only: the gradient accumulated so far; undefined before the first.
  const Tensor& grad() const;
  /// Leaves only: forgets the gradient.
  void clear_grad() const;
  /// Leaves only: the gradient's storage, created as zeros when there is none yet.
  Tensor grad_or_zeros() const;

  /// The same value as a constant.
  Variable detach() const { return Variable(value()); }
  /// The same variable in another shape.
  Variable view(std::vector<int64_t> dims) const;

 private:
  friend Variable make_result(const char*, Tensor, const std::vector<Variable>&, BackwardFunction);
  friend void backward(const Variable&, Tensor);
  GradientSlot& leaf_slot() const;
  struct State;
  std::shared_ptr<State> state_;
};

/// Where a node's backward function puts what it computed. Leaf gradients are accumulated (+=) straight into the
/// leaf's buffer, gradients of inner variables are handed on, and summed when a variable has several readers.
class InputGradients {
 public:
  explicit InputGradients(Node& node) : node_(node) {}
  /// Whether input `index` needs a gradient at all.
  bool needs(std::size_t index) const;
  /// Gives input `index` the gradient `gradient`, which the receiver may keep and write to.
  void give(std::size_t index, Tensor gradient);
  /// For inputs that need a gradient: a tensor of the input's shape to accumulate (+=) into, zero when nothing has
  /// been accumulated yet. Saves a temporary for the gradients of weights.
  Tensor accumulator(std::size_t index);

 private:
  Node& node_;
};

/// The result of an op: records a node when any input requires a gradient and gradients are enabled. The node keeps of
/// its inputs only where their gradients go: a value that `backward` reads has to be among what it captures.
Variable make_result(const char* name, Tensor value, const std::vector<Variable>& inputs, BackwardFunction backward);

/// Accumulates d root / d leaf into every leaf's grad(), starting from `seed` (ones of the root's shape when
/// undefined). The graph below `root` is used up: its kept tensors are freed as the walk passes them.
void backward(const Variable& root, Tensor seed = {});

/// Whether ops on this thread record nodes.
bool grad_enabled();

/// For its lifetime, ops on this thread record nothing (or again, with enabled = true).
class GradMode {
 public:
  explicit GradMode(bool enabled);
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

/// For its lifetime, ops on this thread record nothing.
class NoGrad : public GradMode {
 public:
  NoGrad() : GradMode(false) {}
};

/// Runs `f(inputs)` keeping only the inputs; the backward pass runs it again to get what it needs. `f` must be a pure
/// function of its inputs and of leaves (parameters), whose gradients accumulate as usual.
Variable recompute(const std::function<Variable(const std::vector<Variable>&)>& f, std::vector<Variable> inputs);

/// The same of the variable's value, see tensor/run_on.hpp.
template <typename F>
void run_on(const Variable& x, F&& f) {
  run_on(x.value(), std::forward<F>(f));
}
template <typename F>
void run_exactly_on(const Variable& x, F&& f) {
  run_exactly_on(x.value(), std::forward<F>(f));
}

}  // namespace modr
