#include "model/depth_sampler.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace modr {

Depth sample_depth(int64_t mean_recurrence, int64_t mean_backprop_depth, uint64_t seed, int64_t step) {
  MODR_CHECK(mean_recurrence >= 1 && mean_backprop_depth >= 1, "mean recurrence {}, mean backprop depth {}",
             mean_recurrence, mean_backprop_depth);
  constexpr double sigma = 0.5;
  const auto mean = static_cast<double>(std::max(mean_recurrence, mean_backprop_depth));
  const double mu = std::log(mean) - sigma * sigma / 2;  // the mean of exp(mu + sigma z) is exp(mu + sigma^2 / 2)
  PhiloxSequence random(seed, RandomStream::depth, static_cast<uint64_t>(step));
  const double rate = std::exp(mu + sigma * random.normal());
  const int64_t depth = random.poisson(rate) + 1;
  return {.num_steps_no_grad = std::max(depth - mean_backprop_depth, int64_t{0}),
          .num_steps_with_grad = std::min(mean_backprop_depth, depth)};
}

}  // namespace modr
