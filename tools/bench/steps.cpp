#include "tools/bench/steps.hpp"

#include <utility>

#include "base/philox.hpp"

namespace modr::tools {

BenchSteps::BenchSteps(const Communicator& world, TrainJob job, const TrainData& data)
    : job_(std::move(job)),
      data_(data),
      shard_(make_shard(world, job_, job_.parallel.placement, FirstWeights::initial, job_.device)),
      step_(job_, data_, shard_),
      sampler_(std::ssize(data_.set.rows), job_.train.global_batch, job_.seed) {}

StepPlan BenchSteps::next_plan() {
  return plan_step(job_.train, job_.model, job_.seed, done_, sampler_.global_batch(done_));
}

void BenchSteps::run() {
  const StepResult result = step_.run(next_plan());
  ++done_;
  if (result.bubble) bubbles_.push_back(*result.bubble);
}

double BenchSteps::mean_kib() const {
  const Communicator& world = shard_.grid.world();
  const auto bytes = static_cast<double>(world.all_reduced(shard_.exchange ? shard_.exchange->traffic().bytes : 0));
  return bytes / 1024 / static_cast<double>(world.size() * done_);
}

TrainData random_tokens(int64_t rows, int64_t seq_len, int64_t vocab_size) {
  TrainData data;
  PhiloxSequence rng(1, RandomStream::data);
  for (int64_t i = 0; i < rows; ++i) {
    Example row;
    for (int64_t t = 0; t < seq_len; ++t) {
      row.tokens.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab_size))));
      row.labels.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab_size))));
    }
    data.set.rows.push_back(std::move(row));
  }
  return data;
}

}  // namespace modr::tools
