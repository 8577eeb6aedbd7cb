#pragma once
// What ends a job before its last step: a signal to any of its ranks, or a time limit.
#include <signal.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "train/time_limit.hpp"

namespace modr {

/// For its lifetime SIGTERM, SIGINT, SIGHUP and SIGUSR1 to this process do not end it but are remembered. The exception
/// is the second SIGTERM or SIGINT, a second or more after the first: it ends the process at once, as without this.
/// (The same request may come twice, from Slurm and from mpirun, within milliseconds.) A SIGHUP that is ignored, as
/// nohup has it, stays so. One at a time, on the main thread.
class StopSignals {
 public:
  /// Milliseconds since whenever, growing; called within a signal's handler.
  using Clock = int64_t (*)();
  static int64_t monotonic_ms();

  explicit StopSignals(Clock clock = monotonic_ms);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The first of them that came; 0: none has.
  int received() const;

 private:
  std::vector<std::byte> stack_;  // that the handler runs on
  stack_t stack_before_{};
};

/// Lets all ranks stop after the same step.
class Interruption {
 public:
  /// `limit` of rank 0 counts, on its clock.
  Interruption(const Communicator& comm, const TimeLimit& limit,
               StopSignals::Clock signals_clock = StopSignals::monotonic_ms)
      : comm_(comm), limit_(limit), signals_(signals_clock) {}

  /// Collective (one all_reduce of a number), after a step that took `step_s` seconds. The same text on all ranks when
  /// they have to save and stop now: "interrupted by SIGTERM on rank 2", or "the time limit is near".
  std::optional<std::string> reason_to_stop(double step_s);

  const TimeLimit& limit() const { return limit_; }
  /// How long it takes to save, as just seen.
  void save_took(double seconds) { limit_.save_took(seconds); }

 private:
  Communicator comm_;
  TimeLimit limit_;
  StopSignals signals_;
};

}  // namespace modr
