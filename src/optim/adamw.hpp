#pragma once
#include <string>
#include <utility>
#include <vector>

#include "nn/parameter.hpp"
#include "optim/config.hpp"

namespace modr {

/// Tensors under the names by which a checkpoint stores them.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) with decoupled weight decay and bias correction, over the
/// parameters that are trainable when it is made. Weight decay holds for matrices only: not for tensors of rank below
/// 2, nor for those named "...bias" (qk_bias has rank 4), unless decay_vectors is set.
class AdamW {
 public:
  AdamW(const ParameterList& parameters, const OptimConfig& config);

  /// One update with the gradients at hand. A missing gradient counts as zeros, so that a parameter's path does not
  /// depend on which rank saw it; parameters frozen since stay as they are.
  void step(double lr);

  /// Updates made so far, those before restore() included.
  int64_t num_steps() const { return num_steps_; }

  /// The moments, "exp_avg/<parameter>" and "exp_avg_sq/<parameter>", each with its parameter's shape and dtype. The
  /// tensors are views: later steps change them.
  NamedTensors state() const;

  /// Takes over the values of a state() of an optimizer over the same parameters, after `num_steps` updates. Throws
  /// Error that names a tensor that is missing, unknown, or of another shape; then nothing is changed.
  void restore(int64_t num_steps, const NamedTensors& state);

 private:
  struct Slot {
    Parameter parameter;
    double weight_decay;
    Tensor exp_avg;
    Tensor exp_avg_sq;
  };
  void update(const Slot& slot, double lr) const;

  OptimConfig config_;
  std::vector<Slot> slots_;
  int64_t num_steps_ = 0;
};

}  // namespace modr
