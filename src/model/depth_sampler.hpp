#pragma once
#include <cstdint>

namespace modr {

/// How many recurrences one training step runs: first n without gradient, then k with.
struct Depth {
  int64_t num_steps_no_grad;
  int64_t num_steps_with_grad;
};

/// Draws the depth of training step `step` by Huginn's "poisson-lognormal-filling" (Geiping et al. 2025,
/// arXiv 2502.05171): p = Poisson(LogNormal(mu, 0.5)) + 1, where the log-normal's mean is `mean_recurrence`;
/// n = max(p - mean_backprop_depth, 0), k = min(mean_backprop_depth, p). So n + k = p >= 1 has mean
/// mean_recurrence + 1. As upstream, a mean_recurrence below mean_backprop_depth is raised to it. A pure function, the
/// same on all ranks. Throws Error when mean_recurrence or mean_backprop_depth is not positive.
Depth sample_depth(int64_t mean_recurrence, int64_t mean_backprop_depth, uint64_t seed, int64_t step);

}  // namespace modr
