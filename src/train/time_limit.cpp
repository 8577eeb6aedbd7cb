#include "train/time_limit.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace modr {

namespace {

Deadline::duration seconds(double number) {
  return std::chrono::duration_cast<Deadline::duration>(std::chrono::duration<double>(number));
}

// Of a unit's letter; 0 for another.
double seconds_in(char unit) { return unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0; }

}  // namespace

double parse_duration(const std::string& text) {
  constexpr double most = 1e9;  // 30 years: far from what a clock can hold
  const char* last = text.data() + (text.empty() ? 0 : text.size() - 1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), last, number);
  const double duration = error == std::errc() && end == last ? number * seconds_in(*last) : 0;
  if (!(duration > 0) || duration > most)
    fail("expected a number of seconds, minutes or hours, such as 3600s, 90m or 2h, found '{}'", text);
  return duration;
}

std::optional<Deadline> find_deadline(std::optional<double> time_limit_s, const Environment& environment,
                                      Deadline now) {
  if (time_limit_s) return now + seconds(*time_limit_s);
  const std::string of_slurm = environment("SLURM_JOB_END_TIME").value_or("");
  int64_t unix_seconds = 0;
  const auto [end, error] = std::from_chars(of_slurm.data(), of_slurm.data() + of_slurm.size(), unix_seconds);
  constexpr int64_t latest = 9'000'000'000;  // the year 2255; the clock ends in 2262
  if (error != std::errc() || end != of_slurm.data() + of_slurm.size() || unix_seconds <= 0 || unix_seconds > latest)
    return std::nullopt;
  return Deadline(std::chrono::seconds(unix_seconds));
}

void TimeLimit::step_took(double seconds) {
  constexpr std::size_t recent = 16;
  steps_s_.push_back(seconds);
  if (steps_s_.size() > recent) steps_s_.pop_front();
}

double TimeLimit::left_s(Deadline now) const {
  if (!deadline_) return std::numeric_limits<double>::infinity();
  return std::chrono::duration<double>(*deadline_ - now).count();
}

double TimeLimit::reserve_s() const {
  const double step = steps_s_.empty() ? 0 : *std::ranges::max_element(steps_s_);
  return margin_s_ + 2 * save_s_ + 2 * step;
}

}  // namespace modr
