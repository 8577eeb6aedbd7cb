#include "comm/launcher.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <thread>

#include "base/error.hpp"

namespace modr {
namespace {

Launch launch_with(const std::map<std::string, std::string>& variables) {
  return detect_launch([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Launcher, AProcessAloneNeedsNoMpi) {
  EXPECT_FALSE(launch_with({}).by_mpi);
  // a plain command in a batch script: Slurm's variables are there, but nobody else is
  EXPECT_FALSE(launch_with({{"SLURM_JOB_ID", "7"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).by_mpi);
  EXPECT_FALSE(launch_with({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}).by_mpi);
}

TEST(Launcher, KnowsMpirunAndSrun) {
  const Launch mpirun = launch_with({{"OMPI_COMM_WORLD_SIZE", "4"}, {"PMIX_RANK", "1"}});
  EXPECT_TRUE(mpirun.by_mpi);
  EXPECT_EQ(mpirun.num_ranks, 4);
  const Launch srun = launch_with({{"PMIX_RANK", "1"}, {"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "3"}});
  EXPECT_TRUE(srun.by_mpi);
  EXPECT_EQ(srun.num_ranks, 3);
  const Launch mpich = launch_with({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}});
  EXPECT_TRUE(mpich.by_mpi);
  EXPECT_EQ(mpich.num_ranks, 2);
  // mpirun inside a Slurm job: one Slurm task a node, but more ranks
  EXPECT_EQ(launch_with({{"OMPI_COMM_WORLD_SIZE", "8"}, {"SLURM_STEP_NUM_TASKS", "2"}}).num_ranks, 8);
}

TEST(Launcher, KnowsHowManyRanksShareTheHost) {
  EXPECT_EQ(launch_with({{"OMPI_COMM_WORLD_SIZE", "8"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}}).ranks_on_host, 4);
  EXPECT_EQ(launch_with({{"PMIX_RANK", "1"}, {"SLURM_STEP_TASKS_PER_NODE", "3(x2),1"}}).ranks_on_host, 3);
  EXPECT_EQ(launch_with({{"PMI_RANK", "1"}, {"PMI_SIZE", "8"}, {"MPI_LOCALNRANKS", "4"}}).ranks_on_host, 4);
  EXPECT_EQ(launch_with({{"OMPI_COMM_WORLD_SIZE", "8"}}).ranks_on_host, 1);
  // mpirun inside a Slurm job starts its own daemons by srun, one a host
  const std::pair<const std::string, std::string> daemons{"SLURM_STEP_TASKS_PER_NODE", "1(x2)"};
  EXPECT_EQ(launch_with({{"OMPI_COMM_WORLD_SIZE", "8"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}, daemons}).ranks_on_host, 4);
  EXPECT_EQ(launch_with({{"PMI_RANK", "1"}, {"MPI_LOCALNRANKS", "4"}, daemons}).ranks_on_host, 4);
  EXPECT_EQ(launch_with({{"SLURM_STEP_TASKS_PER_NODE", "3"}}).ranks_on_host, 1) << "a batch script's own";
}

TEST(Launcher, KnowsTheRank) {
  const auto rank_with = [](const std::map<std::string, std::string>& variables) {
    return launched_rank([&](const char* name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
  };
  EXPECT_EQ(rank_with({}), 0);
  EXPECT_EQ(rank_with({{"SLURM_PROCID", "3"}}), 0);
  EXPECT_EQ(rank_with({{"OMPI_COMM_WORLD_RANK", "2"}, {"PMIX_RANK", "2"}}), 2);
  EXPECT_EQ(rank_with({{"PMIX_RANK", "3"}}), 3);
  EXPECT_EQ(rank_with({{"PMI_RANK", "1"}}), 1);
}

TEST(Launcher, WaitsUntilAPipeIsRead) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const auto [out, in] = ends;
  EXPECT_TRUE(is_read(in, 0));
  ASSERT_EQ(write(in, "ab", 2), 2);
  EXPECT_FALSE(is_read(in, 0));
  EXPECT_FALSE(is_read(in, 0.01));
  std::array<char, 2> text{};
  std::thread reader([&] { EXPECT_EQ(read(out, text.data(), text.size()), 2); });
  EXPECT_TRUE(is_read(in, 60));
  reader.join();
  close(out);
  close(in);
  EXPECT_TRUE(is_read(in, 0)) << "no longer open";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
  std::fputs("text", file.get());
  std::fflush(file.get());
  EXPECT_TRUE(is_read(fileno(file.get()), 0)) << "no pipe";
}

TEST(Launcher, TasksThatCannotFindEachOtherAreRefused) {
  EXPECT_THROW(launch_with({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}}), Error);
}

TEST(Launcher, AnotherMpisLauncherIsRefused) {
  EXPECT_THROW(check_num_ranks({.by_mpi = true, .num_ranks = 4}, 1), Error);
  EXPECT_NO_THROW(check_num_ranks({.by_mpi = true, .num_ranks = 4}, 4));
  EXPECT_NO_THROW(check_num_ranks({.by_mpi = true, .num_ranks = 0}, 4));
  EXPECT_EQ(launch_with({{"OMPI_COMM_WORLD_SIZE", "many"}}).num_ranks, 0);
}

}  // namespace
}  // namespace modr
