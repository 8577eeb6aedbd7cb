// A checkpoint is the same whatever grid saved it, and any grid goes on from it.
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "support/mpi_world.hpp"
#include "support/rank_grids.hpp"
#include "support/shared_folder.hpp"
#include "support/tiny_job.hpp"
#include "train/checkpointer.hpp"
#include "train/train_step.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {
namespace {

using testing::grids_for;
using testing::NamedGrid;

constexpr int64_t first_steps = 3, more_steps = 4;

struct Training {
  Training(const Communicator& comm, TrainJob of_job, const TrainData& data)
      : job(std::move(of_job)), shard(make_shard(comm, job, job.parallel.placement)), step(job, data, shard),
        sampler(std::ssize(data.set.rows), job.train.global_batch, job.seed) {}

  std::vector<StepResult> train(int64_t from, int64_t to) {
    std::vector<StepResult> results;
    for (int64_t index = from; index < to; ++index)
      results.push_back(step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index))));
    return results;
  }
  std::filesystem::path save(const std::filesystem::path& folder, int64_t steps) {
    Checkpointer checkpointer(folder, job, shard);
    checkpointer.save(steps, {}, false);
    return checkpointer.last();
  }
  void restore(const std::filesystem::path& file) {
    EXPECT_EQ(restore_training_state(CheckpointReader(file), job, shard), first_steps);
  }

  TrainJob job;
  Shard shard;
  TrainStep step;
  EpochSampler sampler;
};

TrainJob job_on(const ParallelConfig& grid, Placement placement) {
  TrainJob job = testing::tiny_job(TrainMode::modr, 4, first_steps + more_steps);
  job.train.trainable = Trainable::all;
  job.train.global_batch = 8;
  job.parallel = grid;
  job.parallel.placement = placement;
  return job;
}

std::string digests_of(const std::filesystem::path& file) {
  const CheckpointReader reader(file);
  return reader.weights_digest().value() + " " + reader.optimizer_digest().value();
}

void expect_close(const std::vector<StepResult>& got, const std::vector<StepResult>& want, const std::string& which) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_LE(std::abs(got[i].loss - want[i].loss), 1e-5 * want[i].loss) << which << ", step " << i + 1;
    EXPECT_EQ(got[i].branches, want[i].branches) << which << ", step " << i + 1;
  }
}

TEST(CheckpointGrids, AnyGridTakesUpWhatAnyOtherSaved) {
  const Communicator& world = mpi_world();
  if (grids_for(world.size()).empty()) GTEST_SKIP() << "no grid for this number of ranks";
  const SharedFolder folder;
  const TrainData data = testing::tiny_data(40);
  // One rank alone; every rank does it, each for itself.
  Training alone(Communicator::self(), job_on({}, Placement::replicate), data);
  alone.train(0, first_steps);
  std::filesystem::path before = alone.save(folder.path() / fmt::format("rank{}", world.rank()), first_steps);
  const std::string digests = digests_of(before);
  const std::vector<StepResult> expected = alone.train(first_steps, first_steps + more_steps);
  std::string first = before.string();
  world.broadcast(first, 0);
  before = first;
  for (const NamedGrid& grid : grids_for(world.size()))
    for (const Placement placement : {Placement::replicate, Placement::exchange}) {
      if (placement == Placement::replicate && grid.config.branch > 1) continue;
      const std::string which = fmt::format("{}, {}", grid.name, name_of(placement));
      Training run(world, job_on(grid.config, placement), data);
      run.restore(before);  // what the grid before this one saved
      const auto file = run.save(folder.path() / which, first_steps);
      EXPECT_EQ(digests_of(file), digests) << which;
      const std::vector<StepResult> results = run.train(first_steps, first_steps + more_steps);
      expect_close(results, expected, which);
      Training again(world, job_on(grid.config, placement), data);
      again.restore(file);
      const std::vector<StepResult> repeated = again.train(first_steps, first_steps + more_steps);
      for (std::size_t i = 0; i < results.size(); ++i) EXPECT_EQ(repeated[i].loss, results[i].loss) << which;
      world.barrier();
      before = file;
    }
}

TEST(CheckpointGrids, ASaveBesideTrainingHoldsTheStateItBeganWith) {
  const Communicator& world = mpi_world();
  const SharedFolder folder;
  const TrainData data = testing::tiny_data(40);
  TrainJob job = job_on({}, Placement::replicate);
  job.train.checkpoint_every = 1;
  Training run(world, job, data);
  run.train(0, first_steps);
  const std::string digests = digests_of(run.save(folder.path() / "at_once", first_steps));
  Checkpointer beside(folder.path() / "beside", run.job, run.shard);
  beside.save(first_steps, {}, true);
  EXPECT_TRUE(beside.last().empty()) << "not yet promised";
  run.train(first_steps, first_steps + 1);
  beside.save(first_steps + 1, {}, true);  // ends the first
  EXPECT_EQ(digests_of(beside.last()), digests);
  beside.wait();
  EXPECT_EQ(CheckpointReader(beside.last()).info().step, first_steps + 1);
  EXPECT_NE(digests_of(beside.last()), digests);
}

}  // namespace
}  // namespace modr
