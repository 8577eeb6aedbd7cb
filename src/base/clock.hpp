#pragma once
#include <chrono>
#include <string>

namespace modr {

/// Seconds since construction or the last reset, on the steady clock.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  void reset() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

/// "42 s", "3 min 05 s", "2 h 07 min": a duration for people.
std::string format_duration(double seconds);

}  // namespace modr
