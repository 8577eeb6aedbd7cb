#include "base/process_memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace modr {

namespace fs = std::filesystem;

namespace {

// A line "VmHWM:   1234 kB" of /proc/self/status.
int64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != key) continue;
    int64_t kib = 0;
    status >> kib;
    return kib * 1024;
  }
  return 0;
}

// The least of the numbers in the files `name` of the group at `mount`/`group` and of those above it. A container may
// see its group's path from outside but the group's files at the mount: what is not there sets no limit.
int64_t least_limit(const fs::path& mount, const fs::path& group, const char* name) {
  int64_t least = no_memory_limit;
  fs::path folder = mount;
  const auto look = [&] {
    int64_t limit = 0;
    if (std::ifstream(folder / name) >> limit) least = std::min(least, limit);  // not a number ("max"): none
  };
  look();
  for (const fs::path& part : group.relative_path()) {
    folder /= part;
    look();
  }
  return least;
}

}  // namespace

int64_t resident_bytes() { return status_bytes("VmRSS:"); }
int64_t peak_resident_bytes() { return status_bytes("VmHWM:"); }

// Lines are "ID:CONTROLLERS:PATH"; version 2 has one, without controllers, and is mounted aside where both are in use.
int64_t control_group_bytes(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  int64_t least = no_memory_limit;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      for (const fs::path& mount : {mounts, mounts / "unified"})
        least = std::min(least, least_limit(mount, path, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(least, least_limit(mounts / "memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

int64_t machine_bytes() {
  return std::min(int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE), control_group_bytes());
}

}  // namespace modr
