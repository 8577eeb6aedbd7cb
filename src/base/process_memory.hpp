#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>

namespace modr {

/// Memory of this process in bytes, now and at most so far, as the system counts it; 0 where /proc is missing.
int64_t resident_bytes();
int64_t peak_resident_bytes();

constexpr int64_t no_memory_limit = std::numeric_limits<int64_t>::max();

/// The least limit, in bytes, of the control groups that this process is in (version 2, version 1, or both) and of the
/// groups above them; no_memory_limit where none has one. `root` is where /proc and /sys are.
int64_t control_group_bytes(const std::filesystem::path& root = "/");

/// What this process may have: the machine's memory in bytes, or control_group_bytes(), if that is less.
int64_t machine_bytes();

}  // namespace modr
