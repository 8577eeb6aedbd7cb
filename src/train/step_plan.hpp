#pragma once
#include <cstdint>
#include <vector>

#include "dataset/sampler.hpp"
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

StepPlan plan_step(const TrainConfig& train, const ModelConfig& model, uint64_t seed, ShardedSampler& sampler,
                   int64_t step);

}  // namespace modr
