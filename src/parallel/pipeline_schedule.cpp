#include "parallel/pipeline_schedule.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "base/integer.hpp"

namespace modr {

namespace {

constexpr double never = std::numeric_limits<double>::infinity();

// Ranks of a stage that run in lock step, and how far they have come: microbatches first .. first + width - 1 in round
// 0, each by the number of the stage's ranks higher in the next.
struct Lane {
  std::size_t stage;
  int64_t first, width, stride;
  int64_t num_rounds, max_in_flight;
  int64_t forwards = 0, backwards = 0;  // rounds done
  double free = 0;                      // when the last pass ends

  int64_t microbatch(int64_t round) const { return first + round * stride; }
};


// As many microbatches as a round over this stage's or the next stage's ranks has, whichever are more, beside all that
// may be in flight behind: enough for every rank to have work, and the textbook's S - s with one rank a stage.
int64_t in_flight_limit(const ScheduleShape& shape, std::size_t stage, PipelineOrder order) {
  const int64_t ranks = shape.ranks[stage];
  if (order == PipelineOrder::gpipe) return std::max<int64_t>(ceil_div(shape.microbatches, ranks), 1);
  if (stage == shape.last_stage()) return 1;
  const int64_t next = shape.ranks[stage + 1];
  return ceil_div(std::max(ranks, next) + next * in_flight_limit(shape, stage + 1, order), ranks);
}

// In the order of the replica's ranks.
std::vector<Lane> make_lanes(const ScheduleShape& shape, PipelineOrder order) {
  std::vector<Lane> lanes;
  for (std::size_t stage = 0; stage < shape.ranks.size(); ++stage) {
    const int64_t ranks = shape.ranks[stage], width = shape.lock_step(stage);
    for (int64_t first = 0; first < ranks; first += width)
      lanes.push_back({stage, first, width, ranks, ceil_div(std::max<int64_t>(shape.microbatches - first, 0), ranks),
                       in_flight_limit(shape, stage, order)});
  }
  return lanes;
}

// When each pass over each microbatch began and ended; never: not yet.
class Timeline {
 public:
  explicit Timeline(const ScheduleShape& shape) : last_stage_(shape.last_stage()) {
    const std::vector<double> row(static_cast<std::size_t>(shape.microbatches), never);
    for (auto* table : {&forward_begin_, &forward_end_, &backward_end_}) table->assign(shape.ranks.size(), row);
  }

  // When what the pass needs from other stages is there, for all microbatches of a lane's round.
  double input_time(Pass pass, const Lane& lane, int64_t first) const {
    if (pass == Pass::forward) return lane.stage == 0 ? 0 : latest(forward_end_[lane.stage - 1], first, lane.width);
    return lane.stage == last_stage_ ? 0 : latest(backward_end_[lane.stage + 1], first, lane.width);
  }
  // When the next stage began its forward pass.
  double taken_time(const Lane& lane, int64_t first) const {
    return latest(forward_begin_[lane.stage + 1], first, lane.width);
  }
  void record(Pass pass, const Lane& lane, int64_t first, double begin, double end) {
    for (int64_t microbatch = first; microbatch < first + lane.width; ++microbatch) {
      const auto at = static_cast<std::size_t>(microbatch);
      if (pass == Pass::forward) forward_begin_[lane.stage][at] = begin;
      (pass == Pass::forward ? forward_end_ : backward_end_)[lane.stage][at] = end;
    }
  }

 private:
  static double latest(const std::vector<double>& times, int64_t first, int64_t count) {
    return *std::max_element(times.begin() + first, times.begin() + first + count);
  }

  std::size_t last_stage_;
  std::vector<std::vector<double>> forward_begin_, forward_end_, backward_end_;  // [stage][microbatch]
};

// The order comes from playing the pipeline with equally loaded ranks: whenever a lane is free it begins a backward
// pass if one can run, else a forward pass if one can and its limit allows. Passes begin here only after everything
// they wait for has happened, so the times at which they begin put all instructions of all ranks into one order in
// which each comes behind those that it needs: its inputs, the earlier ones of its rank and, on a rank without backward
// passes, the receivers that took older outputs. In a real run, with whatever durations, the first instruction in that
// order that has not run can therefore run: nothing deadlocks.
//
// The play itself never stops early. Let K be the first `branch` microbatches, counted in blocks, that are not through.
// All smaller ones are, so a lane that is not through with its part of K has only microbatches of K in flight, at most
// ceil(branch / ranks) a rank. Up to the branch stage every limit allows that, as it counts the branch stage's ranks;
// behind it a microbatch's backward pass waits for no other. So K's next forward or backward pass can begin.
class Play {
 public:
  Play(const ScheduleShape& shape, PipelineOrder order)
      : shape_(shape), order_(order), lanes_(make_lanes(shape, order)), timeline_(shape) {}

  Schedule run() {
    Schedule schedule{shape_, {}};
    std::vector<std::size_t> first_rank;  // of each lane
    for (const Lane& lane : lanes_) {
      first_rank.push_back(schedule.ranks.size());
      schedule.ranks.insert(schedule.ranks.end(), static_cast<std::size_t>(lane.width), {{}, lane.max_in_flight});
    }
    for (Next next = choose(); next.begin < never; next = choose()) {
      Lane& lane = lanes_[next.lane];
      int64_t& round = next.pass == Pass::forward ? lane.forwards : lane.backwards;
      const int64_t first = lane.microbatch(round++);
      lane.free = next.begin + duration(next.pass, lane);
      timeline_.record(next.pass, lane, first, next.begin, lane.free);
      for (int64_t i = 0; i < lane.width; ++i)
        schedule.ranks[first_rank[next.lane] + static_cast<std::size_t>(i)].instructions.push_back(
            instruction(next.pass, lane.stage, first + i));
    }
    for (const Lane& lane : lanes_)
      MODR_CHECK(lane.forwards == lane.num_rounds && (lane.backwards == lane.forwards || !has_backward(lane)),
                 "the schedule stops at stage {} after {} of {} rounds", lane.stage, lane.backwards, lane.num_rounds);
    return schedule;
  }

 private:
  struct Next {
    double begin = never;
    std::size_t lane = 0;
    Pass pass = Pass::forward;
  };

  bool has_backward(const Lane& lane) const { return shape_.has_backward(lane.stage); }

  // Stages with more ranks are those with more to do: at r ranks a pass takes r times as long, backward twice that.
  double duration(Pass pass, const Lane& lane) const {
    return static_cast<double>(pass == Pass::forward ? lane.stride : 2 * lane.stride);
  }

  double forward_time(const Lane& lane) const {
    if (lane.forwards == lane.num_rounds) return never;
    const double input = timeline_.input_time(Pass::forward, lane, lane.microbatch(lane.forwards));
    const int64_t oldest = lane.forwards - lane.max_in_flight;  // the round that has to be over before the next begins
    if (has_backward(lane)) return oldest < lane.backwards ? input : never;
    return oldest < 0 ? input : std::max(input, timeline_.taken_time(lane, lane.microbatch(oldest)));
  }

  double backward_time(const Lane& lane) const {
    const bool all_forward = lane.forwards == lane.num_rounds;
    const bool waits = order_ == PipelineOrder::gpipe && !all_forward;
    if (!has_backward(lane) || lane.backwards == lane.forwards || waits) return never;
    return timeline_.input_time(Pass::backward, lane, lane.microbatch(lane.backwards));
  }

  // What can begin first. Times only rise, so whatever is not known yet could not have begun before.
  Next choose() const {
    Next best;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      const double backward = std::max(lanes_[i].free, backward_time(lanes_[i]));
      const double forward = std::max(lanes_[i].free, forward_time(lanes_[i]));
      const Next next{std::min(backward, forward), i, backward <= forward ? Pass::backward : Pass::forward};
      if (next.begin < best.begin) best = next;
    }
    return best;
  }

  // The replica rank that runs `microbatch` at `stage`.
  int rank_at(std::size_t stage, int64_t microbatch) const {
    const auto begin = shape_.ranks.begin();
    const int64_t before = std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(stage), int64_t{0});
    return static_cast<int>(before + microbatch % shape_.ranks[stage]);
  }

  Instruction instruction(Pass pass, std::size_t stage, int64_t microbatch) const {
    const int next = stage < shape_.last_stage() ? rank_at(stage + 1, microbatch) : -1;
    const int previous = stage > 0 ? rank_at(stage - 1, microbatch) : -1;
    if (pass == Pass::forward) return {pass, microbatch, previous, next};
    return {pass, microbatch, next, stage > 0 && shape_.has_backward(stage - 1) ? previous : -1};
  }

  const ScheduleShape& shape_;
  PipelineOrder order_;
  std::vector<Lane> lanes_;
  Timeline timeline_;
};

// The time at which the last pass ends. What a rank without backward passes sends too early keeps nobody waiting, so
// its limit plays no part.
double play(const Schedule& schedule, const std::vector<StageTimes>& times) {
  std::vector<Lane> lanes = make_lanes(schedule.shape, PipelineOrder::gpipe);
  Timeline timeline(schedule.shape);
  double makespan = 0;
  for (bool moved = true; moved;) {
    moved = false;
    std::size_t rank = 0;
    for (Lane& lane : lanes) {
      const std::vector<Instruction>& instructions = schedule.ranks[rank].instructions;  // of the lane's first rank
      rank += static_cast<std::size_t>(lane.width);
      const auto done = static_cast<std::size_t>(lane.forwards + lane.backwards);
      if (done == instructions.size()) continue;
      const Instruction& next = instructions[done];
      const double begin = std::max(lane.free, timeline.input_time(next.pass, lane, next.microbatch));
      if (begin == never) continue;
      const bool forward = next.pass == Pass::forward;
      lane.free = begin + (forward ? times[lane.stage].forward : times[lane.stage].backward);
      timeline.record(next.pass, lane, next.microbatch, begin, lane.free);
      ++(forward ? lane.forwards : lane.backwards);
      makespan = std::max(makespan, lane.free);
      moved = true;
    }
  }
  return makespan;
}

// Of each stage, the time that its ranks compute, averaged over them.
std::vector<double> busy_times(const Schedule& schedule, const std::vector<StageTimes>& times) {
  const ScheduleShape& shape = schedule.shape;
  std::vector<double> busy;
  for (std::size_t stage = 0; stage < times.size(); ++stage) {
    const double backward = shape.has_backward(stage) ? times[stage].backward : 0;
    busy.push_back(static_cast<double>(shape.microbatches) * (times[stage].forward + backward) /
                   static_cast<double>(shape.ranks[stage]));
  }
  return busy;
}

}  // namespace

void ScheduleShape::check() const {
  MODR_CHECK(!ranks.empty() && ranks.size() <= 3, "a pipeline of {} stages", ranks.size());
  for (const int64_t count : ranks) MODR_CHECK(count > 0, "a stage of {} ranks", count);
  const int64_t branch_ranks = ranks[branch_stage()];
  MODR_CHECK(branch > 0 && branch_ranks % branch == 0, "branch groups of {} on {} ranks", branch, branch_ranks);
  MODR_CHECK(microbatches >= 0 && microbatches % branch == 0, "{} microbatches for branch groups of {}", microbatches,
             branch);
}

Schedule make_schedule(const ScheduleShape& shape, PipelineOrder order) {
  shape.check();
  return Play(shape, order).run();
}

Simulation simulate(const Schedule& schedule, const std::vector<StageTimes>& times) {
  const ScheduleShape& shape = schedule.shape;
  MODR_CHECK(times.size() == shape.ranks.size(), "times of {} stages for {}", times.size(), shape.ranks.size());
  const std::vector<double> busy = busy_times(schedule, times);  // of a rank of each stage, on average
  Simulation result{play(schedule, times), {}, 0};
  double total = 0, ranks = 0;
  for (std::size_t stage = 0; stage < busy.size(); ++stage) {
    const auto count = static_cast<double>(shape.ranks[stage]);
    result.idle.push_back(result.makespan > 0 ? std::max(1 - busy[stage] / result.makespan, 0.0) : 0);
    total += count * result.idle.back();
    ranks += count;
  }
  result.bubble = total / ranks;
  return result;
}

}  // namespace modr
