#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/clock.hpp"
#include "train/train_step.hpp"

namespace modr {

/// A run's record, on the root rank: one JSON object a step in metrics.jsonl, and a line for people every few steps and
/// for every step that was skipped.
class Metrics {
 public:
  /// Opens <folder>/metrics.jsonl to append to it. Where a run is resumed after `first_step`, lines of steps behind that
  /// are cut off, and so is a last one that is not whole; all before stays as it is.
  Metrics(const std::filesystem::path& folder, int64_t first_step, int64_t total_steps, int64_t log_every);
  /// Records step `step` (counted from 1), which took `seconds`. Throws Error when it cannot be written.
  void record(int64_t step, const StepResult& result, double seconds);

 private:
  void print(int64_t step, const StepResult& result);

  std::filesystem::path path_;
  std::ofstream file_;
  int64_t first_step_, total_steps_, log_every_;
  Stopwatch since_start_;
  double seconds_ = 0;  // since the last line for people
  int64_t tokens_ = 0;
};

/// Copies the lines of steps behind `step` to a file of their own.
void copy_metrics_after(const std::filesystem::path& path, int64_t step, const std::filesystem::path& to);

/// The object of one step, as written to metrics.jsonl. A skipped step has "skipped": true and a "reason"; a loss or
/// norm that is not finite is null.
std::string metrics_json(int64_t step, const StepResult& result, double seconds);

}  // namespace modr
