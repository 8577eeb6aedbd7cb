#pragma once
// How benchmarks measure on machines that are busy with other things: what is compared takes turns, and medians count.
#include <cstdint>
#include <functional>
#include <vector>

#include "comm/communicator.hpp"

namespace modr::tools {

/// One of the things that are compared; all ranks call it together.
using BenchCase = std::function<void()>;

struct BenchPace {
  int64_t repeats = 5;
  double sample_seconds = 0.05;  ///< a sample is as many calls as take so long, at least one
};

/// Seconds a call takes: [case][repeat].
using BenchTimes = std::vector<std::vector<double>>;

/// Times `cases` in turn, to and fro, after two rounds that warm up. A sample is the time of the slowest rank, from a
/// barrier on, for a number of calls that all cases share. Collective; the same on all ranks.
BenchTimes time_in_turn(const Communicator& world, const std::vector<BenchCase>& cases, const BenchPace& pace);

/// Seconds of each of `repeats` calls after `warm_up` others, for what takes long or may not be called more often. From
/// a barrier on, of the slowest rank; each is told to the log. Collective.
std::vector<double> time_calls(const Communicator& world, const BenchCase& run, int64_t warm_up, int64_t repeats);

/// Throws Error for no values.
double median(std::vector<double> values);
/// The median of a[i] / b[i], measured one after the other: what slows both down does not show in it.
double median_ratio(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace modr::tools
