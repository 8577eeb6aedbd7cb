#include "base/process_memory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temporary_folder.hpp"

namespace modr {
namespace {

// A root folder with a process in control groups, and with the groups' limits.
class ControlGroups : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder.path() / name).parent_path());
    folder.write(name, text);
  }
  void groups_are(const std::string& lines) { write("proc/self/cgroup", lines); }
  int64_t limit() const { return control_group_bytes(folder.path()); }

  TemporaryFolder folder;
};

TEST_F(ControlGroups, WithoutAnyThereIsNoLimit) {
  EXPECT_EQ(limit(), no_memory_limit);
  groups_are("0::/\n");
  EXPECT_EQ(limit(), no_memory_limit);
  write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(limit(), no_memory_limit);
}

// As in a container, whose group is the root that it sees.
TEST_F(ControlGroups, TheRootsLimitCounts) {
  groups_are("0::/\n");
  write("sys/fs/cgroup/memory.max", "1000000\n");
  EXPECT_EQ(limit(), 1000000);
}

TEST_F(ControlGroups, OfVersion2TheLeastOfTheGroupAndThoseAboveCounts) {
  groups_are("0::/system.slice/job_7/step_0/task_1\n");
  write("sys/fs/cgroup/system.slice/memory.max", "max\n");
  write("sys/fs/cgroup/system.slice/job_7/step_0/task_1/memory.max", "9000\n");
  write("sys/fs/cgroup/system.slice/job_8/memory.max", "1\n");
  EXPECT_EQ(limit(), 9000);
  write("sys/fs/cgroup/system.slice/job_7/memory.max", "5000\n");
  EXPECT_EQ(limit(), 5000);
  write("sys/fs/cgroup/system.slice/memory.max", "7000\n");
  EXPECT_EQ(limit(), 5000);
}

TEST_F(ControlGroups, OfVersion1TheGroupOfTheMemoryControllerCounts) {
  groups_are("11:cpu,cpuacct:/other\n9:blkio,memory:/slurm/uid_0/job_7\n1:name=systemd:/memory\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/slurm/uid_0/job_7/memory.limit_in_bytes", "4096\n");
  write("sys/fs/cgroup/memory/other/memory.limit_in_bytes", "1\n");
  write("sys/fs/cgroup/memory.max", "2\n");  // of version 2, which this process is not in
  EXPECT_EQ(limit(), 4096);
}

TEST_F(ControlGroups, WhereBothVersionsAreInUseTheLesserCounts) {
  groups_are("4:memory:/one\n0::/two\n");
  write("sys/fs/cgroup/memory/one/memory.limit_in_bytes", "8192\n");
  write("sys/fs/cgroup/unified/two/memory.max", "6000\n");
  EXPECT_EQ(limit(), 6000);
  write("sys/fs/cgroup/memory/one/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(limit(), 4096);
}

// A container may be told the path that its group has outside.
TEST_F(ControlGroups, APathThatIsNotThereLeavesTheMountsLimit) {
  groups_are("4:memory:/docker/0123\n0::/../above\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(limit(), 4096);
}

TEST(MachineBytes, AreNotMoreThanAControlGroupAllows) {
  EXPECT_GT(machine_bytes(), resident_bytes());
  EXPECT_LE(machine_bytes(), control_group_bytes());
}

}  // namespace
}  // namespace modr
