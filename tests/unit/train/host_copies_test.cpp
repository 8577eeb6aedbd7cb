// What a step and a token copy to the host: on a GPU each copy waits for all work before it.
#include <gtest/gtest.h>

#include "model/generate.hpp"
#include "support/tiny_job.hpp"
#include "train/train_step.hpp"

namespace modr {
namespace {

using testing::tiny_job;

TrainData rows_of(int64_t rows, int64_t seq) {
  TrainData data;
  for (int64_t row = 0; row < rows; ++row) {
    Example example;
    for (int64_t i = 0; i < seq; ++i) example.tokens.push_back(static_cast<int32_t>((row + i) % 7));
    example.labels = example.tokens;
    data.set.rows.push_back(std::move(example));
  }
  return data;
}

int64_t copies_of_a_step(const TrainJob& job) {
  const TrainData data = rows_of(job.train.global_batch, 8);
  Shard shard = make_shard(Communicator::self(), job, Placement::replicate);
  TrainStep step(job, data, shard);
  EpochSampler sampler(std::ssize(data.set.rows), job.train.global_batch, job.seed);
  const int64_t before = host_copies();
  step.run(plan_step(job.train, job.model, job.seed, 0, sampler.global_batch(0)));
  return host_copies() - before;
}

TEST(HostCopies, ATrainingStepCopiesLossesAndNormOnce) {
  TrainJob job = tiny_job(TrainMode::pretrain, 0, 1);
  job.train.global_batch = 6;
  for (const int64_t microbatch : {6, 2, 1}) {
    job.train.microbatch = microbatch;
    EXPECT_EQ(copies_of_a_step(job), 2) << "microbatches of " << microbatch;
  }
}

TEST(HostCopies, ARoutedStepCopiesTheChoicesToo) {
  TrainJob job = tiny_job(TrainMode::modr, 3, 1);
  job.train.global_batch = 6;
  job.train.num_steps_no_grad = 2;
  job.train.num_steps_with_grad = 3;
  for (const Recompute recompute : {Recompute::none, Recompute::block, Recompute::recurrence}) {
    job.train.recompute = recompute;
    for (const int64_t microbatch : {6, 2}) {
      job.train.microbatch = microbatch;
      job.model.branches.when = RouteWhen::forward;
      EXPECT_EQ(copies_of_a_step(job), 3 + 6 / microbatch);  // losses, norm, bias; one decision a microbatch
      job.model.branches.when = RouteWhen::recurrence;
      EXPECT_EQ(copies_of_a_step(job), 3 + 5 * 6 / microbatch);
    }
  }
}

TEST(HostCopies, ADecodedTokenCopiesItsIdAndItsChoices) {
  const TrainJob job = tiny_job(TrainMode::modr, 3, 1);
  ModrModel model(job.model, DType::f32);
  model.initialize(1);
  GenerateOptions options;
  options.num_steps = 4;
  const std::vector<Prompt> prompts{{{1, 2, 3}, 0}, {{4, 5}, 1}};
  const auto copies = [&](int64_t tokens) {
    options.max_new_tokens = tokens;
    const int64_t before = host_copies();
    generate(model, prompts, options);
    return host_copies() - before;
  };
  const int64_t decisions = job.model.branches.when == RouteWhen::recurrence ? options.num_steps : 1;
  EXPECT_EQ(copies(5) - copies(4), 1 + decisions);
}

}  // namespace
}  // namespace modr
