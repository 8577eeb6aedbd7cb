// That all ranks write to one folder is known before the first step.
#include "train/shared_folder_check.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "support/mpi_world.hpp"
#include "support/shared_folder.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

constexpr double long_time = 60;

bool is_last() { return mpi_world().rank() == mpi_world().size() - 1; }

TEST(AllSee, TheFolderIsMadeAndNothingStaysInIt) {
  const SharedFolder shared;
  const fs::path run = shared.path() / "runs" / "new";
  check_all_see(mpi_world(), run);
  check_all_see(mpi_world(), run);
  mpi_world().barrier();  // after which the root's file is gone
  EXPECT_TRUE(fs::is_empty(run));
}

TEST(AllSee, AnotherFolderOfTheSameNameIsTheSameErrorOnAll) {
  if (mpi_world().size() == 1) GTEST_SKIP() << "nobody to have another one";
  const SharedFolder shared;
  const fs::path run = shared.path() / "run", others = shared.path() / "another" / "run";
  if (is_last()) fs::create_directories(others);
  std::string message;
  try {
    check_all_see(mpi_world(), is_last() ? others : run, 0.1);
  } catch (const Error& error) {
    message = error.what();
  }
  const std::string start = fmt::format("rank {}: {}: host ", mpi_world().size() - 1, others.string());
  EXPECT_TRUE(message.starts_with(start)) << message;
  EXPECT_NE(message.find(" does not see what rank 0 has written there on host "), std::string::npos) << message;
  mpi_world().barrier();  // after which the root's file is gone
  EXPECT_TRUE(fs::is_empty(run));
}

TEST(AllSee, WhatComesIntoSightLateIsSeen) {
  const SharedFolder shared;
  const fs::path run = shared.path() / "run", late = shared.path() / "late";
  std::thread file_system;
  if (is_last())
    file_system = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      fs::create_directory_symlink(run, late);
    });
  const bool looks_late = is_last() && !mpi_world().is_root();
  EXPECT_NO_THROW(check_all_see(mpi_world(), looks_late ? late : run, long_time));
  if (file_system.joinable()) file_system.join();
}

TEST(AllSee, AFolderThatCannotBeMadeIsTheRootsError) {
  const SharedFolder shared;
  const fs::path file = shared.path() / "file";
  if (mpi_world().is_root()) std::ofstream(file) << "in the way\n";
  mpi_world().barrier();
  std::string message;
  try {
    check_all_see(mpi_world(), file / "run");
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_NE(message.find((file / "run").string() + ": cannot be made: "), std::string::npos) << message;
}

}  // namespace
}  // namespace modr
