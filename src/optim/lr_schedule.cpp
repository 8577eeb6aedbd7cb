#include "optim/lr_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace modr {

namespace {

double warmup_lr(const OptimConfig& config, int64_t step) {
  if (step >= config.warmup_steps) return config.lr;
  return config.lr * static_cast<double>(step + 1) / static_cast<double>(config.warmup_steps);
}

double decay_lr(const OptimConfig& config, int64_t step, int64_t total_steps) {
  const double length = config.decay_steps > 0 ? static_cast<double>(config.decay_steps)
                                               : std::round(config.decay_fraction * static_cast<double>(total_steps));
  if (length == 0) return config.lr;
  const double left = std::clamp(static_cast<double>(total_steps - step) / length, 0.0, 1.0);
  const double share = config.decay_shape == DecayShape::linear ? left : 0.5 - 0.5 * std::cos(std::numbers::pi * left);
  return config.min_lr + (config.lr - config.min_lr) * share;
}

}  // namespace

double learning_rate(const OptimConfig& config, int64_t step, int64_t total_steps) {
  MODR_CHECK(step >= 0 && total_steps >= 0, "learning rate of step {} of {}", step, total_steps);
  return std::min(warmup_lr(config, step), decay_lr(config, step, total_steps));
}

}  // namespace modr
