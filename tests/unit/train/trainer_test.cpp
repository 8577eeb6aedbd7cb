#include "train/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/checkpoint_folder.hpp"
#include "support/expect_error.hpp"
#include "support/metrics_file.hpp"
#include "support/squares.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_job.hpp"
#include "train/train_step.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {
namespace {

using testing::expect_same_run;
using testing::read_metrics;
using testing::tiny_data;
using testing::tiny_job;

const Communicator self = Communicator::self();

TEST(Trainer, LearnsAndWritesItsRecords) {
  const TemporaryFolder folder;
  const TrainJob job = tiny_job(TrainMode::pretrain, 0, 60);
  const TrainOutcome outcome = train(self, job, tiny_data(20), {folder.path()});
  EXPECT_TRUE(outcome.finished);
  EXPECT_EQ(outcome.why, "");
  const auto records = read_metrics(folder.path());
  ASSERT_EQ(records.size(), 60u);
  EXPECT_NEAR(records.front()["loss"], std::log(13), 0.3);
  EXPECT_LT(records.back()["loss"], 0.5 * double(records.front()["loss"]));
  EXPECT_EQ(latest_checkpoint(folder.path()), outcome.checkpoint);
  for (const nlohmann::json& record : records) EXPECT_FALSE(record.contains("skipped"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "config.yaml"));
}

TEST(Trainer, RecordsEveryDecisionOnceWhetherRecomputedOrNot) {
  std::vector<std::vector<nlohmann::json>> runs;
  for (const auto recompute : {Recompute::none, Recompute::recurrence}) {
    const TemporaryFolder folder;
    TrainJob job = tiny_job(TrainMode::modr, 3, 4);
    job.model.branches.unit = RouteUnit::token;
    job.model.branches.when = RouteWhen::recurrence;
    job.train.recompute = recompute;
    train(self, job, tiny_data(20), {folder.path()});
    runs.push_back(read_metrics(folder.path()));
  }
  for (std::size_t i = 0; i < runs[0].size(); ++i) {
    const nlohmann::json& record = runs[0][i];
    EXPECT_EQ(record["recurrences"], runs[1][i]["recurrences"]);
    const int64_t depth = int64_t(record["num_steps_no_grad"]) + int64_t(record["num_steps_with_grad"]);
    ASSERT_EQ(std::ssize(record["recurrences"]), depth);
    int64_t units = 0;
    for (const nlohmann::json& recurrence : record["recurrences"])
      for (const int64_t count : recurrence["branch_counts"]) units += count;
    EXPECT_EQ(units, depth * int64_t(record["tokens"]));
    EXPECT_GE(record["max_load"], 1);
  }
}

TEST(Trainer, AResumedRunRepeatsTheUninterruptedOneBitForBit) {
  for (const auto& [mode, branches] : {std::pair{TrainMode::pretrain, 0}, {TrainMode::lora, 1}, {TrainMode::modr, 3}}) {
    const TemporaryFolder whole, parts;
    TrainJob job = tiny_job(mode, branches, 12);
    const TrainData data = tiny_data(20);
    train(self, job, data, {whole.path()});
    job.train.checkpoint_every = 5;
    train(self, job, data, {parts.path()});
    const auto at_five = parts.path() / "checkpoints" / "step_00000005.h5";
    const auto resumed = train(self, job, data, {parts.path(), at_five}).checkpoint;
    expect_same_run(read_metrics(parts.path()), read_metrics(whole.path()), 0);
    const CheckpointReader a(resumed), b(*latest_checkpoint(whole.path()));
    for (const std::string& name : a.weight_names())
      EXPECT_EQ(a.read_weight(name, DType::f32).to_vector(), b.read_weight(name, DType::f32).to_vector()) << name;
  }
}

TEST(Trainer, APackedRunGoesOnBitForBitToo) {
  const TemporaryFolder whole, parts;
  TrainJob job = tiny_job(TrainMode::modr, 3, 8);
  const TrainData data = testing::tiny_packed_data(40);
  train(self, job, data, {whole.path()});
  job.train.checkpoint_every = 5;
  train(self, job, data, {parts.path()});
  train(self, job, data, {parts.path(), parts.path() / "checkpoints" / "step_00000005.h5"});
  expect_same_run(read_metrics(parts.path()), read_metrics(whole.path()), 0);
}

TEST(Trainer, BranchesStartFromAFrozenBackbone) {
  const TemporaryFolder base_folder, folder;
  const TrainData data = tiny_data(20);
  TrainJob base = tiny_job(TrainMode::pretrain, 0, 5);
  TrainJob job = tiny_job(TrainMode::modr, 3, 5);
  job.train.init_from = train(self, base, data, {base_folder.path()}).checkpoint.string();
  const CheckpointReader before(job.train.init_from), after(train(self, job, data, {folder.path()}).checkpoint);
  for (const std::string& name : before.weight_names())
    EXPECT_EQ(before.read_weight(name, DType::f32).to_vector(), after.read_weight(name, DType::f32).to_vector());
  EXPECT_GT(testing::sum_of_squares(after.read_weight("transformer.core_block.0.attn.Wqkv.lora_B", DType::f32)), 0);
  EXPECT_GT(testing::sum_of_squares(after.read_weight(router_bias_name, DType::f32)), 0);
  EXPECT_TRUE(after.is_trainable("transformer.router.weight"));
  EXPECT_FALSE(after.is_trainable("transformer.wte.weight"));
}

TEST(Trainer, ACheckpointOfAnotherJobIsRefused) {
  const TemporaryFolder folder, other;
  const TrainData data = tiny_data(20);
  const TrainJob job = tiny_job(TrainMode::pretrain, 0, 3);
  const auto checkpoint = train(self, job, data, {folder.path()}).checkpoint;
  TrainJob changed = job;
  changed.train.global_batch = 5;
  expect_error([&] { train(self, changed, data, {other.path(), checkpoint}); }, {"train.global_batch: 5"});
  changed = job;
  changed.seed = 12;
  expect_error([&] { train(self, changed, data, {other.path(), checkpoint}); }, {"seed 11", "12"});
  changed = job;
  changed.model.intermediate_size = 7;
  expect_error([&] { train(self, changed, data, {other.path(), checkpoint}); }, {"mlp.fc.weight"});
  expect_error([&] { train(self, job, data, {other.path(), other.path() / "none.h5"}); }, {"none.h5"});
}

TEST(Trainer, KeepsTheNewestCheckpoints) {
  const TemporaryFolder folder;
  TrainJob job = tiny_job(TrainMode::pretrain, 0, 6);
  job.train.checkpoint_every = 1;
  job.train.keep_checkpoints = 2;
  train(self, job, tiny_data(20), {folder.path()});
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "checkpoints"))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"latest", "step_00000005.h5", "step_00000006.h5"}));
}

TEST(StepPlan, IsAPureFunctionOfSeedAndStep) {
  const TrainJob job = tiny_job(TrainMode::pretrain, 0, 10);
  EpochSampler a(20, 7, 11), b(20, 7, 11);
  for (int64_t step : {9, 0, 4}) {
    const StepPlan x = plan_step(job.train, job.model, 11, step, a.global_batch(step));
    plan_step(job.train, job.model, 11, 2, b.global_batch(2));
    const StepPlan y = plan_step(job.train, job.model, 11, step, b.global_batch(step));
    EXPECT_EQ(x.samples, y.samples);
    EXPECT_EQ(x.depth.num_steps_no_grad, y.depth.num_steps_no_grad);
    EXPECT_EQ(x.depth.num_steps_with_grad, y.depth.num_steps_with_grad);
  }
}

}  // namespace
}  // namespace modr
