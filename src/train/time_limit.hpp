#pragma once
// When a job has to be over, and how long before that its state has to be saved.
#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "comm/launcher.hpp"

namespace modr {

/// A point in time at which the job is ended from outside.
using Deadline = std::chrono::system_clock::time_point;

/// "90m", "2h" or "3600s" in seconds. Throws Error for anything else, and for 0.
double parse_duration(const std::string& text);

/// `time_limit_s` seconds from `now`; without it the end of the Slurm job, whose SLURM_JOB_END_TIME has it in Unix
/// seconds; else nothing.
std::optional<Deadline> find_deadline(std::optional<double> time_limit_s, const Environment& environment, Deadline now);

/// Tells from how long steps and saves took when it is time for the last save.
class TimeLimit {
 public:
  /// Without a deadline it is never time. Until a save was timed one is taken to need `first_save_s` seconds.
  TimeLimit(std::optional<Deadline> deadline, double margin_s, double first_save_s)
      : deadline_(deadline), margin_s_(margin_s), save_s_(first_save_s) {}

  void step_took(double seconds);
  void save_took(double seconds) { save_s_ = seconds; }

  bool is_set() const { return deadline_.has_value(); }
  /// Seconds from `now` to the deadline, below 0 behind it; infinite without one.
  double left_s(Deadline now) const;
  /// What one more step and a save need, each taken to last up to twice what was seen lately, and the margin.
  double reserve_s() const;
  bool is_near(Deadline now) const { return left_s(now) < reserve_s(); }

 private:
  std::optional<Deadline> deadline_;
  double margin_s_, save_s_;
  std::deque<double> steps_s_;  // the last ones
};

}  // namespace modr
