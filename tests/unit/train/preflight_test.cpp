#include "train/preflight.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/temporary_folder.hpp"
#include "support/tiny_job.hpp"
#include "train/trainer.hpp"

namespace modr {
namespace {

using testing::tiny_data;
using testing::tiny_job;

constexpr int64_t gib = 1 << 30;
constexpr Machine roomy{.memory = 64 * gib, .program = 0, .ranks = 1, .free_disk = 64 * gib};

bool has_line(const std::vector<std::string>& lines, const std::string& part) {
  return std::ranges::any_of(lines, [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

void expect_line(const std::vector<std::string>& lines, const std::string& part) {
  EXPECT_TRUE(has_line(lines, part)) << part << " in:\n" << fmt::format("{}", fmt::join(lines, "\n"));
}

// Megabytes of weights, so that what HDF5 adds hardly counts.
TrainJob large_job(TrainMode mode, Trainable trainable, bool tied) {
  TrainJob job = tiny_job(mode, mode == TrainMode::modr ? 3 : 0, 1);
  job.model.n_embd = 128;
  job.model.intermediate_size = 256;
  job.model.vocab_size = 2000;
  job.model.branches.lora_rank = 8;
  job.model.tie_embeddings = tied;
  job.train.trainable = trainable;
  return job;
}

TEST(Preflight, ACheckpointHasTheSizeThatWasForetold) {
  for (const auto& [mode, trainable, tied] :
       {std::tuple{TrainMode::pretrain, Trainable::all, true}, {TrainMode::pretrain, Trainable::all, false},
        {TrainMode::modr, Trainable::branches, true}, {TrainMode::modr, Trainable::all, true}}) {
    const TemporaryFolder folder;
    const TrainJob job = large_job(mode, trainable, tied);
    const TrainOutcome outcome = train(Communicator::self(), job, tiny_data(20), {folder.path()});
    const auto real = static_cast<double>(std::filesystem::file_size(outcome.checkpoint));
    EXPECT_NEAR(static_cast<double>(checkpoint_bytes(job)) / real, 1, 0.05) << name_of(mode) << " " << tied;
  }
}

TEST(Preflight, TellsWhatEachRankIsFor) {
  TrainJob job = tiny_job(TrainMode::modr, 3, 10);
  job.parallel.stages = {1, 2, 1};
  job.parallel.branch = 2;
  job.parallel.placement = Placement::exchange;
  const Preflight preflight = check_job(job, tiny_data(20), 8, roomy);
  EXPECT_TRUE(preflight.misfits.empty());
  expect_line(preflight.lines, "grid: data 2 x stages 1+2+1, branch 2: 8 ranks, branches placed by exchange");
  expect_line(preflight.lines, "  ranks 0, 4: prelude, ");
  expect_line(preflight.lines, "  ranks 1, 5: recurrence with branch 0, ");
  expect_line(preflight.lines, "  ranks 2, 6: recurrence with branches 1-2, ");
  expect_line(preflight.lines, "  ranks 3, 7: coda, ");
}

TEST(Preflight, ManyRanksOfAKindAreOneLine) {
  const TrainJob job = tiny_job(TrainMode::pretrain, 0, 10);
  expect_line(check_job(job, tiny_data(20), 64, roomy).lines, "  ranks 0-63: the whole model, ");
  TrainJob piped = job;
  piped.parallel.stages = {1, 1, 1};
  const Preflight preflight = check_job(piped, tiny_data(20), 192, roomy);
  expect_line(preflight.lines, "  ranks 0, 3, 6, 9, 12, 15, 18, 21, ... (64 in all): prelude, ");
}

TEST(Preflight, AGridThatDoesNotFitTheRanksIsToldWithTheRest) {
  TrainJob job = tiny_job(TrainMode::pretrain, 0, 10);
  job.parallel.stages = {1, 1, 1};
  const Preflight preflight = check_job(job, tiny_data(20), 4, roomy);
  ASSERT_EQ(preflight.misfits.size(), 1u);
  expect_line(preflight.misfits, "needs a multiple of 3 ranks, this job has 4");
  expect_line(preflight.lines, "checkpoints: ");
}

TEST(Preflight, RanksThatShareAMachineHaveToFitTogether) {
  const TrainJob job = tiny_job(TrainMode::pretrain, 0, 10);
  Machine machine = roomy;
  machine.program = gib;
  machine.memory = 3 * gib;
  machine.ranks = 2;
  EXPECT_TRUE(check_job(job, tiny_data(20), 2, machine).misfits.empty());
  machine.ranks = 3;
  const Preflight three = check_job(job, tiny_data(20), 3, machine);
  ASSERT_EQ(three.misfits.size(), 1u);
  expect_line(three.misfits, "memory: 3.1");
  expect_line(three.misfits, "the machine has 3.00 GiB");
  machine.ranks = 0;
  const Preflight elsewhere = check_job(job, tiny_data(20), 64, machine);
  EXPECT_TRUE(elsewhere.misfits.empty());
  expect_line(elsewhere.lines, "a machine like this one holds 2");
  machine.memory = gib;
  EXPECT_EQ(check_job(job, tiny_data(20), 64, machine).misfits.size(), 1u);
}

TEST(Preflight, CountsTheCheckpointsThatLieThereAtOnce) {
  TrainJob job = large_job(TrainMode::pretrain, Trainable::all, true);
  job.train.steps = 95;
  const int64_t bytes = checkpoint_bytes(job);
  const auto misfits_with = [&](int64_t free_disk, int64_t old_checkpoints = 0) {
    Machine machine = roomy;
    machine.free_disk = free_disk;
    machine.old_checkpoints = old_checkpoints;
    return check_job(job, tiny_data(20), 1, machine).misfits.size();
  };
  const auto expect_needed = [&](int64_t files) {
    EXPECT_EQ(misfits_with(files * bytes), 0u);
    EXPECT_EQ(misfits_with(files * bytes - 1), 1u);
  };
  expect_needed(1);  // at the end
  job.train.checkpoint_every = 10;
  job.train.keep_checkpoints = 3;
  expect_needed(4);
  EXPECT_EQ(misfits_with(bytes, 3 * bytes), 0u) << "old ones make room";
  job.train.keep_every = 15;  // those of steps 30, 60 and 90
  expect_needed(7);
  job.train.keep_every = 0;
  job.train.keep_checkpoints = 20;
  expect_needed(10);
  job.train.keep_checkpoints = 0;
  expect_needed(10);
  EXPECT_EQ(misfits_with(bytes, 9 * bytes), 1u) << "all are kept";
  Machine machine = roomy;
  machine.writable = false;
  expect_line(check_job(job, tiny_data(20), 1, machine).misfits, "cannot be written");
}

TEST(Preflight, LooksAtTheDiskOfAFolderThatIsNotThereYet) {
  const TemporaryFolder folder;
  const Machine machine = this_machine(folder.path() / "runs" / "new", 2);
  EXPECT_GT(machine.free_disk, 0);
  EXPECT_GT(machine.memory, machine.program);
  EXPECT_GT(machine.program, 0);
  EXPECT_EQ(machine.ranks, 2);
  EXPECT_EQ(machine.old_checkpoints, 0);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "runs"));
  std::filesystem::create_directories(folder.path() / "runs/new/checkpoints");
  folder.write("runs/new/checkpoints/step_00000001.h5", std::string(1000, 'x'));
  folder.write("runs/new/checkpoints/latest", "step_00000001.h5\n");
  EXPECT_EQ(this_machine(folder.path() / "runs" / "new", 2).old_checkpoints, 1000);
}

}  // namespace
}  // namespace modr
