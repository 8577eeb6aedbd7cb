// A step that is no good on one rank is skipped on all, and too many of them end the job alike everywhere.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "support/metrics_file.hpp"
#include "support/mpi_world.hpp"
#include "support/tiny_job.hpp"
#include "train/train_step.hpp"
#include "train/trainer.hpp"

namespace modr {
namespace {

// All that a step may change on this rank.
std::vector<std::vector<double>> numbers_of(const Shard& shard) {
  std::vector<std::vector<double>> numbers;
  for (const Parameter& parameter : shard.model->parameters())
    numbers.push_back(parameter.variable.value().to_vector());
  for (const TensorPart& moment : shard.optimizer->state()) numbers.push_back(moment.tensor.to_vector());
  if (shard.model->router_bias().defined()) numbers.push_back(shard.model->router_bias().to_vector());
  return numbers;
}

// Whether all ranks have the same text.
void expect_same_everywhere(const std::string& mine) {
  std::string roots = mine;
  mpi_world().broadcast(roots, 0);
  EXPECT_EQ(mine, roots);
}

// One row has a token of its own, whose embedding is infinite while one step runs.
void expect_skipped_everywhere(const ParallelConfig& grid, Placement placement) {
  TrainJob job = testing::tiny_job(TrainMode::modr, 4, 10);
  job.model.vocab_size = 20;  // tiny_data() has tokens below 13
  job.model.tie_embeddings = false;  // a head that is sound
  job.model.branches.bias_update_rate = 0.01;
  job.train.trainable = Trainable::all;
  job.train.microbatch = 1;
  job.parallel = grid;
  TrainData data = testing::tiny_data(7);
  data.set.rows[4].tokens[1] = 19;
  Shard shard = make_shard(mpi_world(), job, placement);
  TrainStep step(job, data, shard);
  EpochSampler sampler(7, job.train.global_batch, job.seed);
  const auto run = [&](int64_t index) {
    return step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index)));
  };
  EXPECT_FALSE(run(0).skipped);
  const auto before = numbers_of(shard);
  float* bad = nullptr;
  for (const Parameter& parameter : shard.model->parameters())
    if (parameter.name == "transformer.wte.weight" && shard.grid.place().runs(Stage::prelude))
      bad = &parameter.variable.value().span<float>()[19 * static_cast<std::size_t>(job.model.n_embd)];
  const float good = bad ? *bad : 0;
  if (bad) *bad = INFINITY;
  const StepResult skipped = run(1);
  if (bad) *bad = good;
  ASSERT_TRUE(skipped.skipped);
  EXPECT_EQ(skipped.skipped->reason, "its loss is nan");
  EXPECT_NE(skipped.skipped->batch.find(", row 4"), std::string::npos) << skipped.skipped->batch;
  EXPECT_EQ(skipped.skipped->batch.starts_with("rank "), mpi_world().size() > 1) << skipped.skipped->batch;
  expect_same_everywhere(skipped.skipped->reason + skipped.skipped->batch);
  EXPECT_EQ(numbers_of(shard), before);
  EXPECT_EQ(shard.optimizer->num_steps(), 1);
  EXPECT_FALSE(run(2).skipped);
  EXPECT_EQ(shard.optimizer->num_steps(), 2);
}

TEST(SkippedStep, ChangesNothingOnAnyRankWithoutAPipeline) {
  ParallelConfig grid;
  grid.branch = mpi_world().size() % 2 == 0 ? 2 : 1;
  for (const auto placement : {Placement::replicate, Placement::exchange}) expect_skipped_everywhere(grid, placement);
}

// The ranks of the recurrence have no loss, and the prelude's none to send.
TEST(SkippedStep, ChangesNothingOnAnyRankOfAPipeline) {
  const int ranks = mpi_world().size();
  if (ranks < 3) GTEST_SKIP() << "fewer ranks than stages";
  ParallelConfig grid;
  grid.stages = {1, ranks - 2, 1};
  grid.branch = ranks % 2 == 0 ? 2 : 1;
  for (const auto placement : {Placement::replicate, Placement::exchange}) expect_skipped_everywhere(grid, placement);
}

TEST(SkippedStep, TheSixthInARowEndsTheJobAlikeOnAllRanks) {
  std::string name = fmt::format("modr_skipped_{}", getpid());
  mpi_world().broadcast(name, 0);
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / name;
  TrainJob job = testing::tiny_job(TrainMode::pretrain, 0, 30);
  job.optim.lr = 1e38;  // from the second step on nothing is finite
  job.optim.weight_decay = 0;
  job.optim.warmup_steps = 0;
  std::string message;
  try {
    train(mpi_world(), job, testing::tiny_data(30), {folder});
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_NE(message.find("step 7: its "), std::string::npos) << message;
  EXPECT_NE(message.find("6 steps in a row"), std::string::npos) << message;
  expect_same_everywhere(message);
  if (mpi_world().is_root()) {
    EXPECT_EQ(testing::read_metrics(folder).size(), 7u);
    std::filesystem::remove_all(folder);
  }
}

}  // namespace
}  // namespace modr
