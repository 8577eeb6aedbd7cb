#include "train/interruption.hpp"

#include <gtest/gtest.h>
#include <signal.h>

namespace modr {
namespace {

Interruption without_limit() { return Interruption(Communicator::self(), TimeLimit({}, 0, 0)); }

TEST(Interruption, NamesTheSignalThatCame) {
  for (const auto& [number, name] : {std::pair{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"}}) {
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
  Interruption interruption = without_limit();
  raise(SIGUSR1);
  raise(SIGTERM);
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

// The process that ends is this test's copy; the second in between is part of what is promised.
TEST(InterruptionDeathTest, ASecondSignalLaterEndsTheProcessAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto twice = [](int first, int second) {
    const StopSignals signals;
    raise(first);
    const timespec pause{1, 100'000'000};
    nanosleep(&pause, nullptr);
    raise(second);
    _exit(0);
  };
  EXPECT_EXIT(twice(SIGTERM, SIGTERM), testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(twice(SIGTERM, SIGINT), testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(twice(SIGUSR1, SIGTERM), testing::ExitedWithCode(0), "") << "the first that asks for the end";
  EXPECT_EXIT(twice(SIGTERM, SIGUSR1), testing::ExitedWithCode(0), "");
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
