#pragma once
#include <filesystem>
#include <string>

namespace modr {

/// This process's hold on a run's folder: while it lasts no other job writes there. The file <run>/lock is locked for as
/// long as the process lives (fcntl's locks, which network file systems that have them share between hosts) and says
/// who has it. What a process leaves that was killed is taken over; a clean end removes it.
class RunLock {
 public:
  /// Makes the folder when it is missing. Throws Error naming the process, host and job that has it, or why it cannot
  /// be written.
  explicit RunLock(std::filesystem::path folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  std::filesystem::path folder_, path_;
  bool made_folder_ = false;
  int descriptor_ = -1;
};

}  // namespace modr
