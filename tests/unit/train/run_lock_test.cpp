#include "train/run_lock.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

// Runs `work` in a process of its own; the code that it ends with.
template <typename F>
int in_another_process(F work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(RunLock, OneProcessAtATime) {
  const TemporaryFolder folder;
  const fs::path run = folder.path() / "runs" / "a";
  {
    const RunLock lock(run);
    EXPECT_TRUE(fs::exists(run / "lock"));
    const int code = in_another_process([&] {
      try {
        const RunLock second(run);
        return 1;
      } catch (const Error& error) {
        const std::string text = error.what();
        const bool names = text.find("another job has this run: process " + std::to_string(getppid())) != text.npos;
        return names ? 0 : 2;
      }
    });
    EXPECT_EQ(code, 0);
  }
  EXPECT_FALSE(fs::exists(run)) << "an empty folder that it made itself does not stay";
  fs::create_directories(run);
  { const RunLock again(run); }
  EXPECT_TRUE(fs::is_empty(run));
}

// A process that was killed holds nothing, whatever its file says.
TEST(RunLock, WhatAKilledProcessLeftIsTakenOver) {
  const TemporaryFolder folder;
  in_another_process([&] {
    new RunLock(folder.path());
    return 0;
  });
  EXPECT_TRUE(fs::exists(folder.path() / "lock"));
  ::testing::internal::CaptureStderr();
  { const RunLock lock(folder.path()); }
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("has left this run without an end"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder.path() / "lock"));
}

TEST(RunLock, AFolderThatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  folder.write("file", "x");
  expect_error([&] { const RunLock lock(folder.path() / "file" / "run"); }, {"file/run", "cannot be made"});
}

}  // namespace
}  // namespace modr
