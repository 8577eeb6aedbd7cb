#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "parallel/pipeline_executor.hpp"
#include "train/model_stage.hpp"
#include "train/shard.hpp"
#include "train/step_plan.hpp"

namespace modr {

/// What a step computed, over all ranks.
struct StepResult {
  double loss = 0;       // mean cross-entropy over the label tokens of the global batch, in nats
  double lr = 0;
  double grad_norm = 0;  // before clipping
  int64_t tokens = 0;    // of the global batch, without padding
  int64_t labels = 0;
  Depth depth{0, 0};
  BranchCounts branches;          // units sent to each branch at each decision; empty without a router
  std::optional<Bubble> bubble;  // of the first replica; nothing without stages

  /// Units sent to each branch over all decisions.
  std::vector<int64_t> branch_counts() const;
};

/// One optimizer step over all ranks: every data replica runs its part of the global batch in microbatches, through
/// its stages and branches, and the gradients are averaged exactly over all label tokens, whatever each rank holds.
class TrainStep {
 public:
  TrainStep(const TrainJob& job, const TrainData& data, Shard& shard);

  /// Runs the plan. When the loss or the gradient of any rank is not finite, throws the same Error on all ranks, before
  /// the optimizer or the branch bias has changed.
  StepResult run(const StepPlan& plan);

 private:
  StageSums run_microbatches(const StepPlan& plan, StepResult& result);
  void add_up(const StepPlan& plan, StageSums sums, StepResult& result) const;
  double reduced_grad_norm() const;

  const TrainJob& job_;
  const TrainData& data_;
  Shard& shard_;
};

}  // namespace modr
