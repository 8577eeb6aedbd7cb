#pragma once
#include <span>
#include <string>
#include <vector>

#include "model/modr_model.hpp"
#include "parallel/pipeline_executor.hpp"
#include "train/step_plan.hpp"
#include "train/train_job.hpp"

namespace modr {

/// Units sent to each branch, a row for every decision of a step: [decisions][branches]. A decision is a recurrence's,
/// or the only one.
using BranchCounts = std::vector<std::vector<int64_t>>;

/// What a rank adds up over its microbatches.
struct StageSums {
  double loss = 0;         // where the coda is
  BranchCounts branches;   // where the core is; zeros elsewhere
  std::string not_finite;  // the first microbatch whose loss is not finite; empty: none
};

/// This rank's part of the model at work on the microbatches of one step: what the pipeline runs. The loss is summed
/// cross-entropy times `weight`. A loss that is not finite is noted, not thrown: other ranks are in lock step.
class ModelStage final : public StageWork {
 public:
  ModelStage(const TrainJob& job, const TrainData& data, const ModrModel& model, const StepPlan& plan,
             std::span<const Microbatch> microbatches, double weight);

  Variable forward(int64_t microbatch, const Variable& input) override;
  Shape input_shape(int64_t microbatch) const override;
  Shape output_shape(int64_t microbatch) const override;
  TensorType type() const override { return model_.type(); }

  /// Of all microbatches so far; the losses are copied to the host here, all at once.
  StageSums sums() const;

 private:
  const Microbatch& samples_of(int64_t microbatch) const;
  Batch rows_of(int64_t microbatch) const;
  Variable run_core(const Variable& e, const TokenBatch& batch, const Batch& rows);
  Variable run_loss(const Variable& state, const TokenBatch& batch, int64_t microbatch);

  const TrainJob& job_;
  const TrainData& data_;
  const ModrModel& model_;
  const StepPlan& plan_;
  std::span<const Microbatch> microbatches_;
  double weight_;
  BranchCounts branches_;
  Tensor losses_;                  // [microbatches], f64, in the order of run_
  std::vector<int64_t> run_ = {};  // microbatches whose loss is known
};

}  // namespace modr
