#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataset/sampler.hpp"
#include "dataset/training_set.hpp"
#include "model/depth_sampler.hpp"
#include "train/config.hpp"

namespace modr {

/// Everything that one training step will do, decided before any rank starts: a pure function of (seed, step), the
/// same on every rank and for any number of ranks.
struct StepPlan {
  int64_t step = 0;                // counted from 0
  Depth depth{0, 0};               // recurrences without and with gradient
  std::vector<SampleRef> samples;  // the global batch, in order
};

/// `samples`: the step's global batch (EpochSampler::global_batch).
StepPlan plan_step(const TrainConfig& train, const ModelConfig& model, uint64_t seed, int64_t step,
                   std::vector<SampleRef> samples);

/// The samples of one forward pass.
using Microbatch = std::vector<SampleRef>;

/// "rows 5 (train.jsonl:6), 9 (train.jsonl:10)": samples by the rows that they are, a few of them with their places.
std::string describe(std::span<const SampleRef> samples, const TrainingSet& set);

/// How a step's samples are dealt: contiguous parts to the data replicas, and each replica's part to `lanes` ranks that
/// run microbatches side by side, number m on lane m mod lanes.
struct Dealing {
  int64_t replica = 0, replicas = 1;
  int64_t lanes = 1;
  int64_t largest = 1;  // samples a microbatch, at most
};

/// The microbatches of one replica: its samples sorted by length, so that little padding is needed, cut into as few
/// parts of nearly equal size as keep to `largest` and give every lane the same number of them. Where there are fewer
/// samples than lanes some are empty.
std::vector<Microbatch> deal_microbatches(const StepPlan& plan, const TrainingSet& set, const Dealing& dealing);

}  // namespace modr
