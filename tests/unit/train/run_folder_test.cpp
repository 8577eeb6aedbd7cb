#include "train/run_folder.hpp"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint_folder.hpp"
#include "support/expect_error.hpp"
#include "support/metrics_file.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_job.hpp"
#include "train/trainer.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;
using testing::read_metrics;

const Communicator self = Communicator::self();

TrainJob job_of(int64_t steps) {
  TrainJob job = testing::tiny_job(TrainMode::pretrain, 0, steps);
  job.train.checkpoint_every = 1;
  job.train.keep_checkpoints = 0;
  job.train.async_save = false;
  job.optim.decay_fraction = 0;
  return job;
}

TrainOutcome run(int64_t steps, const RunStart& start) { return train(self, job_of(steps), testing::tiny_data(20), start); }

std::vector<int64_t> steps_in(const fs::path& folder) {
  std::vector<int64_t> steps;
  for (const auto& record : read_metrics(folder)) steps.push_back(record["step"]);
  return steps;
}

TEST(RunFolder, APlainStartIsNotMadeOverARun) {
  const TemporaryFolder folder;
  run(2, {folder.path()});
  const StartRequest plain{folder.path(), "", false};
  expect_error([&] { find_start(plain); }, {"holds a run already"});
  fs::remove(folder.path() / "checkpoints" / "latest");
  expect_error([&] { find_start(plain); }, {"holds a run already"});
  EXPECT_EQ(find_start({folder.path(), "auto", false}).resume_from, folder.path() / "checkpoints" / "step_00000002.h5");
  EXPECT_EQ(find_start({"elsewhere", folder.path().string(), false}).resume_from,
            folder.path() / "checkpoints" / "step_00000002.h5");
}

TEST(RunFolder, AReplacedRunStaysUntilTheNewOneHasACheckpoint) {
  const TemporaryFolder folder;
  run(3, {folder.path()});
  folder.write("checkpoints/notes.txt", "mine");
  const RunStart start = find_start({folder.path(), "", true});
  EXPECT_EQ(steps_in(folder.path()).size(), 3u) << "to find the start changes nothing";
  make_room(start, 0);
  EXPECT_EQ(latest_checkpoint(folder.path() / "replaced"), folder.path() / "replaced/checkpoints/step_00000003.h5");
  EXPECT_EQ(steps_in(folder.path() / "replaced").size(), 3u);
  EXPECT_FALSE(has_checkpoints(folder.path()));
  expect_error([&] { find_start({folder.path(), "", false}); }, {"holds a run already"});
  make_room(start, 0);  // of a start that ended here, and another
  EXPECT_EQ(steps_in(folder.path() / "replaced").size(), 3u);
  folder.write("metrics.jsonl", R"({"step":1})" "\n");  // of one that ended before its first checkpoint
  make_room(start, 0);
  EXPECT_EQ(steps_in(folder.path() / "replaced").size(), 3u);
  EXPECT_EQ(steps_in(folder.path() / "replaced_2").size(), 1u);
  run(1, start);
  EXPECT_FALSE(fs::exists(folder.path() / "replaced"));
  EXPECT_FALSE(fs::exists(folder.path() / "replaced_2"));
  EXPECT_EQ(steps_in(folder.path()), std::vector<int64_t>{1});
  EXPECT_TRUE(fs::exists(folder.path() / "checkpoints" / "notes.txt"));
}

TEST(RunFolder, InitFromIsNotReplaced) {
  const TemporaryFolder folder;
  const fs::path checkpoint = run(1, {folder.path()}).checkpoint;
  expect_error([&] { check_not_replaced(find_start({folder.path(), "", true}), checkpoint); }, {"--overwrite"});
  check_not_replaced(find_start({folder.path(), "auto", false}), checkpoint);
  check_not_replaced(find_start({folder.path() / "other", "", true}), checkpoint);
}

TEST(RunFolder, GoingBackSetsTheAbandonedLineAside) {
  const TemporaryFolder folder;
  run(6, {folder.path()});
  run(4, {folder.path(), folder.path() / "checkpoints" / "step_00000003.h5"});
  EXPECT_EQ(steps_in(folder.path()), (std::vector<int64_t>{1, 2, 3, 4}));
  const fs::path aside = folder.path() / "abandoned_after_step_3";
  EXPECT_EQ(steps_in(aside), (std::vector<int64_t>{4, 5, 6}));
  EXPECT_TRUE(fs::exists(aside / "step_00000006.h5"));
  EXPECT_EQ(latest_checkpoint(folder.path()), folder.path() / "checkpoints" / "step_00000004.h5");
  EXPECT_FALSE(fs::exists(folder.path() / "checkpoints" / "step_00000005.h5"));
}

TEST(RunFolder, MetricsAreAppendedTo) {
  const TemporaryFolder folder;
  const fs::path checkpoint = run(2, {folder.path()}).checkpoint;
  const std::string before = testing::read_text(folder.path() / "metrics.jsonl");
  folder.write("metrics.jsonl", before + R"({"step":3,"loss":1})" "\n" R"({"step":4,"lo)");  // a killed run's
  run(3, {folder.path(), checkpoint});
  const std::string after = testing::read_text(folder.path() / "metrics.jsonl");
  EXPECT_TRUE(after.starts_with(before));
  EXPECT_EQ(steps_in(folder.path()), (std::vector<int64_t>{1, 2, 3}));
}

}  // namespace
}  // namespace modr
