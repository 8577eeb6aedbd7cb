#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "parallel/pipeline_executor.hpp"
#include "train/loss_guard.hpp"
#include "train/model_stage.hpp"
#include "train/shard.hpp"
#include "train/step_plan.hpp"

namespace modr {

/// A step that changed nothing.
struct SkippedStep {
  std::string reason;  // "its loss is nan"
  std::string batch;   // what it was run on, as far as is known where it went wrong: "rank 2's microbatch 0, row 17"
};

/// What a step computed, over all ranks.
struct StepResult {
  double loss = 0;       // mean cross-entropy over the label tokens of the global batch, in nats
  double lr = 0;
  double grad_norm = 0;  // before clipping
  int64_t tokens = 0;    // of the global batch, without padding
  int64_t labels = 0;
  int64_t documents = 0;  // more than rows where they are packed
  Depth depth{0, 0};
  BranchCounts branches;          // units sent to each branch at each decision; empty without a router
  std::optional<Bubble> bubble;  // of the first replica; nothing without stages
  std::optional<SkippedStep> skipped;  // nothing: the step was taken

  /// Units sent to each branch over all decisions.
  std::vector<int64_t> branch_counts() const;
};

/// One optimizer step over all ranks: every data replica runs its part of the global batch in microbatches, through
/// its stages and branches, and the gradients are averaged exactly over all label tokens, whatever each rank holds.
class TrainStep {
 public:
  TrainStep(const TrainJob& job, const TrainData& data, Shard& shard);

  /// Runs the plan, and changes parameters, optimizer and branch bias unless the guard says that it must not: then all
  /// stay as they are on all ranks.
  StepResult run(const StepPlan& plan);

  /// All of run() that takes memory, in its order: of a shard of meta tensors over a rehearsed grid, for a plan.
  void rehearse(const StepPlan& plan);

  /// What the next steps are judged by; the same on all ranks. A checkpoint has its values().
  LossGuard& guard() { return guard_; }

 private:
  void prepare();
  StageSums run_microbatches(const StepPlan& plan, StepResult& result);
  void add_up(const StepPlan& plan, StageSums sums, StepResult& result) const;
  double reduced_grad_norm() const;
  std::optional<SkippedStep> judge(const StepPlan& plan, const StepResult& result, const std::string& not_finite);

  const TrainJob& job_;
  const TrainData& data_;
  Shard& shard_;
  LossGuard guard_;
};

}  // namespace modr
