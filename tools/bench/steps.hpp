#pragma once
// Training steps over random tokens, as benchmarks run them.
#include <cstdint>
#include <vector>

#include "train/train_step.hpp"

namespace modr::tools {

/// Training steps of a job, one after the other.
class BenchSteps {
 public:
  /// Collective; `data` has to outlive the steps.
  BenchSteps(const Communicator& world, TrainJob job, const TrainData& data);
  BenchSteps(const BenchSteps&) = delete;
  BenchSteps& operator=(const BenchSteps&) = delete;

  void run();
  /// What the next step will do.
  StepPlan next_plan();

  const TrainJob& job() const { return job_; }
  Shard& shard() { return shard_; }
  const GridShape& grid() const { return shard_.grid.shape(); }
  /// Of the steps so far.
  const std::vector<Bubble>& bubbles() const { return bubbles_; }
  /// Rows that a rank sent to others in a step so far, in KiB, in the mean over ranks and steps. Collective.
  double mean_kib() const;

 private:
  TrainJob job_;
  const TrainData& data_;
  Shard shard_;
  TrainStep step_;
  EpochSampler sampler_;
  int64_t done_ = 0;
  std::vector<Bubble> bubbles_;
};

/// Rows of random tokens with random labels, the same on all ranks.
TrainData random_tokens(int64_t rows, int64_t seq_len, int64_t vocab_size);

}  // namespace modr::tools
