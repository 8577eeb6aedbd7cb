#include "train/step_plan.hpp"

namespace modr {

StepPlan plan_step(const TrainConfig& train, const ModelConfig& model, uint64_t seed, ShardedSampler& sampler,
                   int64_t step) {
  const Depth depth = train.has_fixed_depth()
                          ? Depth{train.num_steps_no_grad, train.num_steps_with_grad}
                          : sample_depth(model.mean_recurrence, model.mean_backprop_depth, seed, step);
  return {step, depth, sampler.global_batch(step)};
}

}  // namespace modr
