#include "train/placement.hpp"

#include <algorithm>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "train/train_step.hpp"

namespace modr {

namespace {

constexpr int64_t measured_steps = 4;

// The median time of a step, of the slowest rank, in seconds; the first step, which warms up, does not count.
double time_of_step(const Communicator& world, const TrainJob& job, const TrainData& data, Placement placement) {
  Shard shard = make_shard(world, job, placement, FirstWeights::initial, job.device);
  TrainStep step(job, data, shard);
  EpochSampler sampler(std::ssize(data.set.rows), job.train.global_batch, job.seed);
  std::vector<double> seconds;
  for (int64_t index = 0; index <= measured_steps; ++index) {
    world.barrier();
    const Stopwatch watch;
    step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index)));
    seconds.push_back(world.all_reduced(watch.seconds(), ReduceOp::max));
  }
  std::sort(seconds.begin() + 1, seconds.end());
  return seconds[1 + measured_steps / 2];
}

}  // namespace

Placement decide_placement(const Communicator& world, const TrainJob& job, const TrainData& data) {
  if (job.parallel.placement != Placement::automatic) return job.parallel.placement;
  if (!job.model.branches.has_router() || world.size() == 1) {
    log("placement: replicate for now ({})", world.size() == 1 ? "one rank" : "fewer than two branches");
    return Placement::automatic;
  }
  const double replicate = time_of_step(world, job, data, Placement::replicate);
  const double exchange = time_of_step(world, job, data, Placement::exchange);
  const Placement faster = exchange < replicate ? Placement::exchange : Placement::replicate;
  log("placement: {}, since a step takes {:.1f} ms with replicate and {:.1f} ms with exchange (median of {})",
      name_of(faster), 1e3 * replicate, 1e3 * exchange, measured_steps);
  return faster;
}

}  // namespace modr
