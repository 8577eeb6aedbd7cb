#pragma once
#include <cstdint>

#include "optim/config.hpp"

namespace modr {

/// Learning rate of step `step` (from 0) of a run of `total_steps`, a trapezoid: it rises linearly to lr over the
/// first W = warmup_steps (step 0 has lr / W), stays, and falls to min_lr over the last D steps. Step total_steps - D
/// still has lr and step total_steps would have min_lr, as has every later one. Where both slopes meet, the lower
/// counts. A pure function: a resumed run needs nothing but its step.
double learning_rate(const OptimConfig& config, int64_t step, int64_t total_steps);

}  // namespace modr
