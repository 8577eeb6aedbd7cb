// Jobs that end before their last step, and what they leave to go on from.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "support/metrics_file.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_job.hpp"
#include "train/trainer.hpp"

namespace modr {
namespace {

using testing::read_metrics;
using testing::tiny_data;
using testing::tiny_job;

const Communicator self = Communicator::self();

std::size_t count_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

// Sends `signal` to this process once the run has recorded some steps.
class SignalWhenUnderWay {
 public:
  SignalWhenUnderWay(int signal, const std::filesystem::path& run_folder)
      : thread_([this, signal, metrics = run_folder / "metrics.jsonl"] {
          while (!ended_ && count_lines(metrics) < 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          if (!ended_) kill(getpid(), signal);
        }) {}
  ~SignalWhenUnderWay() {
    ended_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

TEST(Stopping, ASignalLetsTheJobSaveAndItGoesOnBitForBit) {
  const TrainData data = tiny_data(20);
  TrainJob job = tiny_job(TrainMode::modr, 3, 1'000'000);  // more than the test has time for
  job.optim.decay_fraction = 0;  // learning rates do not depend on the number of steps
  const TemporaryFolder parts;
  TrainOutcome stopped;
  {
    const SignalWhenUnderWay signal(SIGTERM, parts.path());
    stopped = train(self, job, data, {parts.path()});
  }
  EXPECT_FALSE(stopped.finished);
  EXPECT_EQ(stopped.why, "interrupted by SIGTERM");
  const auto steps = std::ssize(read_metrics(parts.path()));
  EXPECT_TRUE(stopped.checkpoint.string().ends_with(fmt::format("step_{:08}.h5", steps))) << stopped.checkpoint;

  const std::filesystem::path whole = parts.path() / "whole";
  job.train.steps = steps + 4;
  train(self, job, data, {whole});
  const TrainOutcome resumed = train(self, job, data, {parts.path(), stopped.checkpoint});
  EXPECT_TRUE(resumed.finished);
  const auto got = read_metrics(parts.path()), want = read_metrics(whole);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = static_cast<std::size_t>(steps); i < got.size(); ++i) EXPECT_EQ(got[i]["loss"], want[i]["loss"]);
}

TEST(Stopping, ATimeLimitThatIsNearStopsAfterOneStep) {
  const TemporaryFolder folder;
  const TrainJob job = tiny_job(TrainMode::pretrain, 0, 1'000'000);  // with a margin of a minute
  const Deadline soon = Deadline::clock::now() + std::chrono::seconds(30);
  const TrainOutcome outcome = train(self, job, tiny_data(20), {folder.path()}, soon);
  EXPECT_FALSE(outcome.finished);
  EXPECT_EQ(outcome.why, "the time limit is near");
  EXPECT_EQ(read_metrics(folder.path()).size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(outcome.checkpoint));
}

TEST(Stopping, AfterTheLastStepThereIsNothingToStop) {
  const TemporaryFolder folder;
  const TrainJob job = tiny_job(TrainMode::pretrain, 0, 1);
  const Deadline soon = Deadline::clock::now() + std::chrono::seconds(30);
  const TrainOutcome outcome = train(self, job, tiny_data(20), {folder.path()}, soon);
  EXPECT_TRUE(outcome.finished);
  const TrainOutcome again = train(self, job, tiny_data(20), {folder.path(), outcome.checkpoint}, soon);
  EXPECT_TRUE(again.finished);
  EXPECT_EQ(again.checkpoint, outcome.checkpoint);
}

}  // namespace
}  // namespace modr
