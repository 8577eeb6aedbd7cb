// Steps that are no good: they leave everything as it was, are counted and told, and end the job when they go on.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "checkpoint/checkpoint_folder.hpp"
#include "support/expect_error.hpp"
#include "support/metrics_file.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_job.hpp"
#include "train/metrics.hpp"
#include "train/trainer.hpp"
#include "train/train_step.hpp"

namespace modr {
namespace {

using testing::tiny_data;
using testing::tiny_job;

const Communicator self = Communicator::self();

// All that a step may change.
struct State {
  std::vector<std::vector<double>> tensors;
  int64_t optimizer_steps;

  explicit State(const Shard& shard) : optimizer_steps(shard.optimizer->num_steps()) {
    for (const Parameter& parameter : shard.model->parameters()) add(parameter.variable.value());
    for (const TensorPart& moment : shard.optimizer->state()) add(moment.tensor);
    if (shard.model->router_bias().defined()) add(shard.model->router_bias());
  }
  bool operator==(const State&) const = default;

 private:
  void add(const Tensor& tensor) { tensors.push_back(tensor.to_vector()); }
};

TEST(SkippedStep, ChangesNothingAndTheNextOneGoesOn) {
  TrainJob job = tiny_job(TrainMode::modr, 3, 10);
  job.model.branches.bias_update_rate = 0.01;
  job.train.trainable = Trainable::all;
  const TrainData data = tiny_data(20);
  Shard shard = make_shard(self, job, Placement::replicate);
  TrainStep step(job, data, shard);
  EpochSampler sampler(20, job.train.global_batch, job.seed);
  const auto run = [&](int64_t index) {
    return step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index)));
  };
  EXPECT_FALSE(run(0).skipped);
  const State before(shard);
  float& weight = shard.model->parameters().front().variable.value().span<float>()[0];  // of the embedding of token 0
  const float good = weight;
  weight = NAN;
  const StepResult skipped = run(1);
  ASSERT_TRUE(skipped.skipped);
  EXPECT_EQ(skipped.skipped->reason, "its loss is nan");
  EXPECT_TRUE(skipped.skipped->batch.starts_with("microbatch ")) << skipped.skipped->batch;
  weight = good;
  EXPECT_EQ(State(shard), before);
  EXPECT_FALSE(run(2).skipped);
  EXPECT_NE(State(shard), before);
  EXPECT_EQ(shard.optimizer->num_steps(), 2);
  EXPECT_EQ(step.guard().num_skipped(), 1);
}

// The rows that are named hold the token whose embedding is bad, and no others' loss is.
TEST(SkippedStep, NamesTheRowsThatItIsFrom) {
  TrainJob job = tiny_job(TrainMode::pretrain, 0, 10);
  job.model.vocab_size = 20;  // tiny_data() has tokens below 13
  job.model.tie_embeddings = false;
  job.train.microbatch = 1;
  TrainData data = tiny_data(7);
  data.set.places = {"a:1", "a:2", "a:3", "a:4", "a:5", "a:6", "a:7"};
  data.set.rows[4].tokens[1] = 19;
  Shard shard = make_shard(self, job, Placement::replicate);
  shard.model->parameters().front().variable.value().span<float>()[19 * 8 + 3] = std::numeric_limits<float>::infinity();
  TrainStep step(job, data, shard);
  EpochSampler sampler(7, 7, job.seed);
  const StepResult result = step.run(plan_step(job.train, job.model, job.seed, 0, sampler.global_batch(0)));
  ASSERT_TRUE(result.skipped);
  EXPECT_TRUE(result.skipped->batch.ends_with(", row 4 (a:5)")) << result.skipped->batch;
}

TEST(SkippedStep, AnOutlierIsSkippedToo) {
  TrainJob job = tiny_job(TrainMode::pretrain, 0, 100);
  job.optim.lr = 1e-30;  // the weights stay
  const TrainData data = tiny_data(20);
  Shard shard = make_shard(self, job, Placement::replicate);
  TrainStep step(job, data, shard);
  EpochSampler sampler(20, job.train.global_batch, job.seed);
  const auto run = [&](int64_t index) {
    return step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index)));
  };
  for (int64_t index = 0; index < 40; ++index) ASSERT_FALSE(run(index).skipped);
  const Tensor embedding = shard.model->parameters().front().variable.value();
  for (float& value : embedding.span<float>()) value *= 300;  // and of the head, which is tied to it
  const StepResult result = run(40);
  ASSERT_TRUE(result.skipped);
  EXPECT_NE(result.skipped->reason.find("deviations above"), std::string::npos) << result.skipped->reason;
  EXPECT_TRUE(result.skipped->batch.starts_with("the global batch, rows ")) << result.skipped->batch;
}

TEST(SkippedStep, IsRecordedAsValidJson) {
  StepResult result;
  result.loss = NAN;
  result.grad_norm = std::numeric_limits<double>::infinity();
  result.skipped = SkippedStep{"its loss is nan", "row 3"};
  const auto record = nlohmann::json::parse(metrics_json(7, result, 0.5));
  EXPECT_TRUE(record["loss"].is_null());
  EXPECT_TRUE(record["grad_norm"].is_null());
  EXPECT_EQ(record["skipped"], true);
  EXPECT_EQ(record["reason"], "its loss is nan");
}

// A learning rate beyond all reason: the second step and all that follow are not finite.
TEST(SkippedStep, TooManyInARowEndTheJobWithTheBatchNamed) {
  const TemporaryFolder folder;
  TrainJob job = tiny_job(TrainMode::pretrain, 0, 30);
  job.optim.lr = 1e38;
  job.optim.weight_decay = 0;
  job.optim.warmup_steps = 0;
  job.train.guard.max_skipped = 3;
  expect_error([&] { train(self, job, tiny_data(20), {folder.path()}); },
               {"step 5: its ", " is nan", "row", "4 steps in a row", "train.guard.max_skipped"});
  const auto records = testing::read_metrics(folder.path());
  ASSERT_EQ(records.size(), 5u);
  EXPECT_FALSE(records[0].contains("skipped"));
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(records[i]["skipped"], true);
  EXPECT_FALSE(latest_checkpoint(folder.path()));
}

}  // namespace
}  // namespace modr
