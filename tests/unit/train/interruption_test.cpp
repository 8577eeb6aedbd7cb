#include "train/interruption.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "kernels/api/threads.hpp"
#include "support/tiny_job.hpp"
#include "train/train_step.hpp"

namespace modr {
namespace {

// Milliseconds that pass when a test says so.
std::atomic<int64_t> test_ms{1};
int64_t test_clock() { return test_ms; }

Interruption without_limit() { return Interruption(Communicator::self(), TimeLimit({}, 0, 0)); }

TEST(Interruption, NamesTheSignalThatCame) {
  for (const auto& [number, name] :
       {std::pair{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}, {SIGUSR1, "SIGUSR1"}}) {
    Interruption interruption = without_limit();
    EXPECT_EQ(interruption.reason_to_stop(1), std::nullopt);
    raise(number);
    EXPECT_EQ(interruption.reason_to_stop(1), std::string("interrupted by ") + name);
    EXPECT_EQ(interruption.reason_to_stop(1), std::string("interrupted by ") + name) << "it stays";
  }
  Interruption next = without_limit();
  EXPECT_EQ(next.reason_to_stop(1), std::nullopt) << "what came to an earlier job is over";
}

TEST(Interruption, TheSameRequestMayComeTwice) {
  Interruption interruption(Communicator::self(), TimeLimit({}, 0, 0), test_clock);
  raise(SIGUSR1);
  raise(SIGTERM);
  test_ms += 999;
  raise(SIGTERM);
  EXPECT_EQ(interruption.reason_to_stop(1), "interrupted by SIGUSR1");
}

TEST(Interruption, ThenSignalsDoWhatTheyDidBefore) {
  struct sigaction before {}, after {};
  sigaction(SIGTERM, nullptr, &before);
  {
    const StopSignals signals;
    sigaction(SIGTERM, nullptr, &after);
    EXPECT_NE(after.sa_handler, before.sa_handler);
  }
  sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

TEST(Interruption, AJobUnderNohupOutlivesItsTerminal) {
  struct sigaction ignore {}, before {}, after {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGHUP, &ignore, &before);
  {
    Interruption interruption = without_limit();
    raise(SIGHUP);
    EXPECT_EQ(interruption.reason_to_stop(1), std::nullopt);
    raise(SIGTERM);
    EXPECT_EQ(interruption.reason_to_stop(1), "interrupted by SIGTERM");
  }
  sigaction(SIGHUP, &before, &after);
  EXPECT_EQ(after.sa_handler, SIG_IGN);
}

// Of two at the same time the second might go to another thread, which computes on a stack that may be the heap.
TEST(Interruption, ComeToTheMainThreadOnly) {
  const auto blocked = [] {
    std::atomic<int> count = 0;
    kernels::on_each_thread([&](bool) {
      sigset_t mask;
      pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      for (const int each : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) count += sigismember(&mask, each);
    });
    return count.load();
  };
  std::atomic<int> others = -1;
  kernels::on_each_thread([&](bool) { ++others; });
  EXPECT_EQ(blocked(), 0);
  {
    const StopSignals signals;
    EXPECT_EQ(blocked(), 4 * others) << "of " << others << " other threads";
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
  }
  EXPECT_EQ(blocked(), 0);
}

// The process that ends is this test's copy; the second in between is part of what is promised.
TEST(InterruptionDeathTest, ASecondSignalLaterEndsTheProcessAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto twice = [](int first, int second) {
    const StopSignals signals(test_clock);
    raise(first);
    test_ms += 1000;
    raise(second);
    _exit(0);
  };
  EXPECT_EXIT(twice(SIGTERM, SIGTERM), ::testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(twice(SIGTERM, SIGINT), ::testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(twice(SIGUSR1, SIGTERM), ::testing::ExitedWithCode(0), "") << "the first that asks for the end";
  EXPECT_EXIT(twice(SIGTERM, SIGUSR1), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(twice(SIGTERM, SIGHUP), ::testing::ExitedWithCode(0), "") << "the terminal goes, not the wish to save";
}

// A handler on the stack at hand would write into the heap where a matrix product has its stack pointer there.
TEST(InterruptionDeathTest, SignalsDoNotTouchWhatAStepComputes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto train_under_signals = [] {
    TrainJob job = testing::tiny_job(TrainMode::pretrain, 0, 1000);
    job.model.n_embd = 32;
    job.model.intermediate_size = 48;
    job.model.vocab_size = 450;
    const TrainData data = testing::tiny_data(20);
    Shard shard = make_shard(Communicator::self(), job, Placement::replicate);
    TrainStep step(job, data, shard);
    EpochSampler sampler(20, job.train.global_batch, job.seed);
    const StopSignals signals;
    std::atomic<bool> done = false;
    std::thread sender([&, main = pthread_self()] {
      while (!done) {
        pthread_kill(main, SIGUSR1);
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
    });
    for (int64_t index = 0; index < 100; ++index)
      step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index)));
    done = true;
    sender.join();
    _exit(signals.received() == SIGUSR1 ? 0 : 1);
  };
  EXPECT_EXIT(train_under_signals(), ::testing::ExitedWithCode(0), "");
}

TEST(Interruption, TellsWhenTheTimeLimitIsNear) {
  const Deadline now = Deadline::clock::now();
  Interruption far(Communicator::self(), TimeLimit(now + std::chrono::hours(10), 60, 1));
  EXPECT_EQ(far.reason_to_stop(1), std::nullopt);
  EXPECT_EQ(far.reason_to_stop(20'000), "the time limit is near") << "for a step of this length";
}

TEST(Interruption, SavesThatTakeLongBringTheLimitNearer) {
  const Deadline now = Deadline::clock::now();
  Interruption interruption(Communicator::self(), TimeLimit(now + std::chrono::hours(10), 0, 1));
  EXPECT_EQ(interruption.reason_to_stop(1), std::nullopt);
  interruption.save_took(20'000);
  EXPECT_EQ(interruption.reason_to_stop(1), "the time limit is near");
}

}  // namespace
}  // namespace modr
