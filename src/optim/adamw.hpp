#pragma once
#include <vector>

#include "nn/parameter.hpp"
#include "optim/config.hpp"

namespace modr {

/// AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) with decoupled weight decay and bias correction, over the
/// parameters that are trainable when it is made. Weight decay holds for matrices only: not for tensors of rank below
/// 2, nor for those named "...bias" (qk_bias has rank 4), unless decay_vectors is set.
class AdamW {
 public:
  AdamW(const ParameterList& parameters, const OptimConfig& config);

  /// One update with the gradients at hand. A missing gradient counts as zeros, so that a parameter's path does not
  /// depend on which rank saw it; parameters frozen since stay as they are.
  void step(double lr);

  /// Updates made so far, those before resume_after() included.
  int64_t num_steps() const { return num_steps_; }

  /// The moments, "exp_avg/<parameter>" and "exp_avg_sq/<parameter>", each with its parameter's shape, dtype and rows.
  /// The tensors are views: later steps change them, and a run that is taken up again writes to them.
  std::vector<TensorPart> state() const;
  /// Counts on from `num_steps` updates (at least 0), whose moments state() then has to hold.
  void resume_after(int64_t num_steps);

 private:
  struct Slot {
    Parameter parameter;
    double weight_decay;
    Tensor exp_avg;
    Tensor exp_avg_sq;
  };
  void update(const std::vector<const Slot*>& slots, double lr) const;  // all of one dtype

  OptimConfig config_;
  std::vector<Slot> slots_;
  int64_t num_steps_ = 0;
};

}  // namespace modr
