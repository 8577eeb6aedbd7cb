#pragma once
#include <cstdint>
#include <vector>

#include "comm/communicator.hpp"
#include "model/modr_model.hpp"
#include "optim/adamw.hpp"
#include "train/step_plan.hpp"
#include "train/train_job.hpp"

namespace modr {

/// What a step computed, over all ranks.
struct StepResult {
  double loss = 0;       // mean cross-entropy over the label tokens of the global batch, in nats
  double lr = 0;
  double grad_norm = 0;  // before clipping
  int64_t tokens = 0;    // of the global batch, without padding
  int64_t labels = 0;
  Depth depth{0, 0};
  std::vector<int64_t> branch_counts;  // units sent to each branch over all decisions; empty without a router
};

/// One optimizer step of data-parallel training: every rank runs its share of the global batch in microbatches, and the
/// gradients are averaged exactly over all label tokens, whatever each rank holds.
class TrainStep {
 public:
  TrainStep(const Communicator& comm, const TrainJob& job, const TrainData& data, ModrModel& model, AdamW& optimizer);

  /// Runs the plan. When the loss or the gradient of any rank is not finite, throws the same Error on all ranks, before
  /// the optimizer or the branch bias has changed.
  StepResult run(const StepPlan& plan);

 private:
  struct LocalSums {
    double loss = 0;
    std::vector<int64_t> branch_counts;
  };
  LocalSums run_microbatches(const StepPlan& plan, double weight);
  void run_microbatch(const StepPlan& plan, std::span<const SampleRef> samples, double weight, LocalSums& sums);
  std::vector<SampleRef> local_samples(const StepPlan& plan) const;

  const Communicator& comm_;
  const TrainJob& job_;
  const TrainData& data_;
  ModrModel& model_;
  AdamW& optimizer_;
};

}  // namespace modr
