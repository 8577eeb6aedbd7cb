#include "tools/bench/timing.hpp"

#include <algorithm>
#include <cmath>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace modr::tools {

namespace {

constexpr double most_calls = 1000;  // a sample

double seconds_of(const Communicator& world, const BenchCase& run, int64_t calls) {
  world.barrier();
  const Stopwatch watch;
  for (int64_t i = 0; i < calls; ++i) run();
  return world.all_reduced(watch.seconds(), ReduceOp::max) / static_cast<double>(calls);
}

}  // namespace

BenchTimes time_in_turn(const Communicator& world, const std::vector<BenchCase>& cases, const BenchPace& pace) {
  for (const BenchCase& run : cases) run();
  double slowest = 0;
  for (const BenchCase& run : cases) slowest = std::max(slowest, seconds_of(world, run, 1));
  const auto calls = static_cast<int64_t>(std::clamp(std::ceil(pace.sample_seconds / slowest), 1.0, most_calls));
  BenchTimes times(cases.size());
  for (int64_t repeat = 0; repeat < pace.repeats; ++repeat)
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const std::size_t turn = repeat % 2 == 0 ? i : cases.size() - 1 - i;
      times[turn].push_back(seconds_of(world, cases[turn], calls));
    }
  return times;
}

std::vector<double> time_calls(const Communicator& world, const BenchCase& run, int64_t warm_up, int64_t repeats) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < warm_up + repeats; ++i) {
    const double call = seconds_of(world, run, 1);
    log("{}: {:.3f} s", i < warm_up ? "warm-up" : "measured", call);
    if (i >= warm_up) seconds.push_back(call);
  }
  return seconds;
}

double median(std::vector<double> values) {
  MODR_CHECK(!values.empty(), "the median of no values");
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median_ratio(const std::vector<double>& a, const std::vector<double>& b) {
  MODR_CHECK(a.size() == b.size(), "ratios of {} to {} measurements", a.size(), b.size());
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
  return median(std::move(ratios));
}

}  // namespace modr::tools
