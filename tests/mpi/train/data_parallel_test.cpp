// 20 steps of training on all ranks of the job against the same job on one rank.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "support/metrics_file.hpp"
#include "support/mpi_world.hpp"
#include "support/tiny_job.hpp"
#include "train/trainer.hpp"

namespace modr {
namespace {

// One folder for all ranks, and one of this rank's own.
struct RunFolders {
  std::filesystem::path shared, own;

  RunFolders() {
    std::string name = fmt::format("modr_data_parallel_{}", getpid());
    mpi_world().broadcast(name, 0);
    shared = std::filesystem::temp_directory_path() / name;
    own = shared.string() + fmt::format("_rank{}", mpi_world().rank());
  }
  ~RunFolders() {
    std::error_code ignored;
    std::filesystem::remove_all(own, ignored);
    if (mpi_world().is_root()) std::filesystem::remove_all(shared, ignored);
  }
};

void expect_ranks_do_not_matter(const TrainJob& job) {
  const RunFolders folders;
  const TrainData data = testing::tiny_data(30);
  train(mpi_world(), job, data, {folders.shared});
  mpi_world().barrier();
  train(Communicator::self(), job, data, {folders.own});
  testing::expect_same_run(testing::read_metrics(folders.shared), testing::read_metrics(folders.own), 1e-5);
  mpi_world().barrier();
}

TEST(DataParallel, Pretraining) { expect_ranks_do_not_matter(testing::tiny_job(TrainMode::pretrain, 0, 20)); }

TEST(DataParallel, OneLora) { expect_ranks_do_not_matter(testing::tiny_job(TrainMode::lora, 1, 20)); }

TEST(DataParallel, BranchesOfSequences) {
  TrainJob job = testing::tiny_job(TrainMode::modr, 4, 20);
  job.train.recompute = Recompute::recurrence;
  expect_ranks_do_not_matter(job);
}

TEST(DataParallel, BranchesOfTokensAtEveryRecurrence) {
  TrainJob job = testing::tiny_job(TrainMode::modr, 4, 20);
  job.model.branches.unit = RouteUnit::token;
  job.model.branches.when = RouteWhen::recurrence;
  job.train.trainable = Trainable::all;
  expect_ranks_do_not_matter(job);
}

TEST(DataParallel, TopTwoBranches) {
  TrainJob job = testing::tiny_job(TrainMode::modr, 4, 20);
  job.model.branches.top_k = 2;
  job.train.global_batch = 3;  // with four ranks one has nothing
  expect_ranks_do_not_matter(job);
}

}  // namespace
}  // namespace modr
