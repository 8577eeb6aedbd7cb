#include "parallel/pipeline_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <numeric>
#include <optional>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace modr {
namespace {

// "F0 F1 B0 F2 ..." of one rank.
std::string passes(const RankSchedule& rank) {
  std::string text;
  for (const Instruction& next : rank.instructions)
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", next.pass == Pass::forward ? "F" : "B", next.microbatch);
  return text;
}

std::vector<std::string> passes(const Schedule& schedule) {
  std::vector<std::string> all;
  for (const RankSchedule& rank : schedule.ranks) all.push_back(passes(rank));
  return all;
}

using Passes = std::vector<std::string>;

TEST(PipelineSchedule, OneStageRunsEachMicrobatchThroughAtOnce) {
  EXPECT_EQ(passes(make_schedule({{1}, 1, 3}, PipelineOrder::one_f_one_b)), (Passes{"F0 B0 F1 B1 F2 B2"}));
  EXPECT_EQ(passes(make_schedule({{1}, 1, 3}, PipelineOrder::gpipe)), (Passes{"F0 F1 F2 B0 B1 B2"}));
  EXPECT_EQ(passes(make_schedule({{2}, 2, 4}, PipelineOrder::one_f_one_b)), (Passes{"F0 B0 F2 B2", "F1 B1 F3 B3"}));
  const Schedule alone = make_schedule({{1}, 1, 1}, PipelineOrder::one_f_one_b);
  for (const Instruction& next : alone.ranks[0].instructions) {
    EXPECT_EQ(next.receive_from, -1);
    EXPECT_EQ(next.send_to, -1);
  }
  EXPECT_EQ(passes(make_schedule({{1, 2, 1}, 2, 0}, PipelineOrder::one_f_one_b)), (Passes{"", "", "", ""}));
}

// Narayanan et al., "Efficient large-scale language model training on GPU clusters" (2021), figure 4.
TEST(PipelineSchedule, ThreeStagesAreTheTextbook) {
  EXPECT_EQ(passes(make_schedule({{1, 1, 1}, 1, 5}, PipelineOrder::one_f_one_b)),
            (Passes{"F0 F1 F2 B0 F3 B1 F4 B2 B3 B4",  //
                    "F0 F1 B0 F2 B1 F3 B2 F4 B3 B4",  //
                    "F0 B0 F1 B1 F2 B2 F3 B3 F4 B4"}));
  EXPECT_EQ(passes(make_schedule({{1, 1}, 1, 3}, PipelineOrder::gpipe)),
            (Passes{"F0 F1 F2 B0 B1 B2", "F0 F1 F2 B0 B1 B2"}));
}

TEST(PipelineSchedule, MessagesGoToTheRanksOfTheMicrobatch) {
  const Schedule schedule = make_schedule({{1, 2, 1}, 1, 2}, PipelineOrder::one_f_one_b);
  using Kind = Pass;
  EXPECT_EQ(schedule.ranks[0].instructions,
            (std::vector<Instruction>{{Kind::forward, 0, -1, 1}, {Kind::forward, 1, -1, 2},
                                      {Kind::backward, 0, 1, -1}, {Kind::backward, 1, 2, -1}}));
  EXPECT_EQ(schedule.ranks[2].instructions,
            (std::vector<Instruction>{{Kind::forward, 1, 0, 3}, {Kind::backward, 1, 3, 0}}));
  const Schedule frozen = make_schedule({{1, 2, 1}, 1, 2, false}, PipelineOrder::one_f_one_b);
  EXPECT_EQ(passes(frozen), (Passes{"F0 F1", "F0 B0", "F1 B1", "F0 B0 F1 B1"}));
  EXPECT_EQ(frozen.ranks[1].instructions[1], (Instruction{Kind::backward, 0, 3, -1}));
}

TEST(PipelineSchedule, WhatDoesNotFitIsRefused) {
  for (const ScheduleShape& shape : {ScheduleShape{{}, 1, 4}, ScheduleShape{{1, 1, 1, 1}, 1, 4},
                                     ScheduleShape{{1, 0, 1}, 1, 4}, ScheduleShape{{1, 3, 1}, 2, 4},
                                     ScheduleShape{{1, 2, 1}, 2, 3}, ScheduleShape{{1}, 1, -1}})
    EXPECT_THROW(make_schedule(shape, PipelineOrder::one_f_one_b), Error);
}

TEST(Simulate, EqualStagesIdleAsTheTextbookSays) {
  for (const int64_t stages : {1, 2, 3})
    for (const int64_t microbatches : {1, 2, 4, 20})
      for (const double backward : {1.0, 2.0, 3.5})
        for (const auto order : {PipelineOrder::one_f_one_b, PipelineOrder::gpipe}) {
          const ScheduleShape shape{std::vector<int64_t>(static_cast<std::size_t>(stages), 1), 1, microbatches};
          const std::vector<StageTimes> times(static_cast<std::size_t>(stages), {1, backward});
          const Simulation result = simulate(make_schedule(shape, order), times);
          const double slots = static_cast<double>(microbatches + stages - 1);
          EXPECT_NEAR(result.makespan, slots * (1 + backward), 1e-12);
          EXPECT_NEAR(result.bubble, static_cast<double>(stages - 1) / slots, 1e-12);
          for (const double idle : result.idle) EXPECT_NEAR(idle, result.bubble, 1e-12);
        }
}

TEST(Simulate, MoreRanksForTheLongStageKeepAllBusy) {
  const auto bubble = [](const ScheduleShape& shape, const std::vector<StageTimes>& times) {
    return simulate(make_schedule(shape, PipelineOrder::one_f_one_b), times).bubble;
  };
  EXPECT_LT(bubble({{1, 6, 1}, 1, 240}, {{1, 2}, {6, 12}, {1, 2}}), 0.03);
  EXPECT_LT(bubble({{1, 6, 1}, 3, 240}, {{1, 2}, {6, 12}, {1, 2}}), 0.04);
  EXPECT_LT(bubble({{1, 6, 1}, 6, 240}, {{1, 2}, {6, 12}, {1, 2}}), 0.05) << "all in lock step";
  EXPECT_LT(bubble({{2, 4, 3}, 2, 240}, {{2, 4}, {4, 8}, {3, 6}}), 0.04) << "numbers of ranks that divide nothing";
}

TEST(Simulate, IdleIsTheWaitingOfEachStage) {
  const Schedule even = make_schedule({{1, 1, 1}, 1, 8}, PipelineOrder::one_f_one_b);
  const Simulation slow_middle = simulate(even, {{1, 2}, {4, 8}, {1, 2}});
  EXPECT_NEAR(slow_middle.makespan, 1 + 8 * 12 + 2, 1e-12) << "a first input, a last gradient";
  EXPECT_NEAR(slow_middle.idle[1], 3 / 99.0, 1e-12);
  EXPECT_NEAR(slow_middle.idle[2], 1 - 8 * 3 / 99.0, 1e-12);
  const Schedule frozen = make_schedule({{1, 1}, 1, 4, false}, PipelineOrder::one_f_one_b);
  const Simulation result = simulate(frozen, {{1, 100}, {1, 1}});
  EXPECT_NEAR(result.makespan, 9, 1e-12);
  EXPECT_NEAR(result.idle[0], 5 / 9.0, 1e-12) << "no backward passes";
  EXPECT_NEAR(result.bubble, (5 + 1) / 18.0, 1e-12);
}

// ---- Any shape, played by ranks that know nothing but their own instructions.

ScheduleShape random_shape(PhiloxSequence& random) {
  const auto up_to = [&](uint64_t n) { return static_cast<int64_t>(random.below(n)) + 1; };
  ScheduleShape shape;
  for (int64_t stages = up_to(3); stages > 0; --stages) shape.ranks.push_back(up_to(6));
  do shape.branch = up_to(6);
  while (shape.ranks[shape.branch_stage()] % shape.branch != 0);
  shape.microbatches = (up_to(20) + shape.branch - 1) / shape.branch * shape.branch;
  shape.backward_into_first = random.below(2) == 0;
  return shape;
}

std::string describe(const ScheduleShape& shape, PipelineOrder order) {
  std::string text;
  for (const int64_t ranks : shape.ranks) text += fmt::format("{}+", ranks);
  return fmt::format("{} branch {} microbatches {} backward_into_first {} {}", text, shape.branch, shape.microbatches,
                     shape.backward_into_first, name_of(order));
}

std::size_t stage_of(const ScheduleShape& shape, std::size_t rank) {
  std::size_t stage = 0;
  for (int64_t below = shape.ranks[0]; static_cast<int64_t>(rank) >= below; below += shape.ranks[stage]) ++stage;
  return stage;
}

bool sends_only(const RankSchedule& rank) {
  return std::ranges::none_of(rank.instructions, [](const Instruction& next) { return next.pass == Pass::backward; });
}

// A rank of the symbolic run: it waits for messages in the order of its instructions, and its sends wait for nobody,
// except that a rank without backward passes waits for its receivers to take older outputs.
struct Runner {
  std::size_t next = 0;
  double free = 0;
  std::deque<std::pair<int, int64_t>> outputs;  // (receiver, microbatch), not taken yet
};

class SymbolicRun {
 public:
  SymbolicRun(const Schedule& schedule, uint64_t seed)
      : schedule_(schedule), random_(seed, RandomStream::data), runners_(schedule.ranks.size()) {}

  // Plays until nobody can go on; the number of instructions that were run.
  std::size_t play() {
    std::size_t done = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t rank = 0; rank < runners_.size(); ++rank)
        while (const std::size_t ran = step(rank)) {
          done += ran;
          moved = true;
        }
    }
    return done;
  }

  bool messages_are_left() const {
    return std::ranges::any_of(wire_, [](const auto& entry) { return !entry.second.empty(); });
  }

 private:
  struct Message {
    Instruction sent;
    double time;
  };

  // The ranks that exchange rows with `rank` during a pass, itself included.
  std::pair<std::size_t, std::size_t> lock_step(std::size_t rank) const {
    const std::size_t stage = stage_of(schedule_.shape, rank);
    const auto width = static_cast<std::size_t>(schedule_.shape.lock_step(stage));
    std::size_t before = 0;
    for (std::size_t s = 0; s < stage; ++s) before += static_cast<std::size_t>(schedule_.shape.ranks[s]);
    const std::size_t first = before + (rank - before) / width * width;
    return {first, first + width};
  }

  // Whether the message that the rank's next instruction waits for is the first on the wire; empty when it has to wait.
  std::optional<double> can_begin(std::size_t rank) {
    const RankSchedule& mine = schedule_.ranks[rank];
    Runner& runner = runners_[rank];
    if (runner.next == mine.instructions.size()) return std::nullopt;
    const Instruction& next = mine.instructions[runner.next];
    if (sends_only(mine) && static_cast<int64_t>(runner.outputs.size()) == mine.max_in_flight) return std::nullopt;
    if (next.receive_from < 0) return runner.free;
    const std::deque<Message>& wire = wire_[{next.receive_from, static_cast<int>(rank)}];
    if (wire.empty()) return std::nullopt;
    EXPECT_EQ(wire.front().sent.microbatch, next.microbatch) << "both sides have the same order";
    EXPECT_EQ(wire.front().sent.pass, next.pass);
    EXPECT_EQ(wire.front().sent.send_to, static_cast<int>(rank));
    return std::max(runner.free, wire.front().time);
  }

  // Runs the next instruction of the rank and of those in lock step with it, if all can; how many were run.
  std::size_t step(std::size_t rank) {
    const auto [first, last] = lock_step(rank);
    double begin = 0;
    for (std::size_t member = first; member < last; ++member) {
      const std::optional<double> time = can_begin(member);
      if (!time) return 0;
      begin = std::max(begin, *time);
    }
    const double end = begin + random_.uniform();
    for (std::size_t member = first; member < last; ++member) run(static_cast<int>(member), end);
    return last - first;
  }

  void run(int rank, double end) {
    Runner& runner = runners_[static_cast<std::size_t>(rank)];
    const Instruction& next = schedule_.ranks[static_cast<std::size_t>(rank)].instructions[runner.next++];
    runner.free = end;
    if (next.receive_from >= 0) {
      wire_[{next.receive_from, rank}].pop_front();
      auto& outputs = runners_[static_cast<std::size_t>(next.receive_from)].outputs;
      // Only its oldest output may keep a sender waiting.
      taken_.push_back({rank, next.microbatch});
      while (!outputs.empty() && std::ranges::find(taken_, outputs.front()) != taken_.end()) outputs.pop_front();
    }
    if (next.send_to < 0) return;
    wire_[{rank, next.send_to}].push_back({next, end});
    if (next.pass == Pass::forward) runner.outputs.push_back({next.send_to, next.microbatch});
  }

  const Schedule& schedule_;
  PhiloxSequence random_;
  std::vector<Runner> runners_;
  std::map<std::pair<int, int>, std::deque<Message>> wire_;  // by (sender, receiver)
  std::vector<std::pair<int, int64_t>> taken_;               // outputs, by (receiver, microbatch)
};

// Every microbatch has its forward and its backward pass once a stage, on rank m mod r.
void check_complete(const Schedule& schedule) {
  const ScheduleShape& shape = schedule.shape;
  std::map<std::tuple<std::size_t, Pass, int64_t>, int64_t> runs;
  int64_t below = 0;
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const std::size_t stage = stage_of(shape, rank);
    below = std::accumulate(shape.ranks.begin(), shape.ranks.begin() + static_cast<std::ptrdiff_t>(stage), int64_t{0});
    for (const Instruction& next : schedule.ranks[rank].instructions) {
      ++runs[{stage, next.pass, next.microbatch}];
      EXPECT_EQ(next.microbatch % shape.ranks[stage], static_cast<int64_t>(rank) - below);
    }
  }
  for (std::size_t stage = 0; stage < shape.ranks.size(); ++stage)
    for (int64_t m = 0; m < shape.microbatches; ++m) {
      const bool frozen = stage == 0 && shape.ranks.size() > 1 && !shape.backward_into_first;
      EXPECT_EQ((runs[{stage, Pass::forward, m}]), 1);
      EXPECT_EQ((runs[{stage, Pass::backward, m}]), frozen ? 0 : 1);
    }
}

// The limit of 1F1B as the header gives it.
int64_t limit_of(const ScheduleShape& shape, std::size_t stage) {
  if (stage + 1 == shape.ranks.size()) return 1;
  const int64_t here = shape.ranks[stage], next = shape.ranks[stage + 1];
  const int64_t in_flight = std::max(here, next) + next * limit_of(shape, stage + 1);
  return in_flight / here + (in_flight % here != 0);
}

void check_limits(const Schedule& schedule, PipelineOrder order) {
  for (std::size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const RankSchedule& mine = schedule.ranks[rank];
    if (order == PipelineOrder::one_f_one_b) {
      EXPECT_EQ(mine.max_in_flight, limit_of(schedule.shape, stage_of(schedule.shape, rank)));
    }
    if (sends_only(mine)) continue;
    int64_t in_flight = 0;
    for (const Instruction& next : mine.instructions) {
      in_flight += next.pass == Pass::forward ? 1 : -1;
      EXPECT_LE(in_flight, mine.max_in_flight);
    }
  }
}

// The ranks of a branch group run the same passes over consecutive microbatches.
void check_lock_step(const Schedule& schedule) {
  const ScheduleShape& shape = schedule.shape;
  std::size_t first = shape.ranks.size() == 1 ? 0 : static_cast<std::size_t>(shape.ranks[0]);
  const auto width = static_cast<std::size_t>(shape.branch);
  const std::size_t end = first + static_cast<std::size_t>(shape.ranks[shape.branch_stage()]);
  for (; first < end; first += width)
    for (std::size_t member = first; member < first + width; ++member) {
      const auto& leader = schedule.ranks[first].instructions;
      const auto& mine = schedule.ranks[member].instructions;
      ASSERT_EQ(mine.size(), leader.size());
      for (std::size_t i = 0; i < mine.size(); ++i) {
        EXPECT_EQ(mine[i].pass, leader[i].pass);
        EXPECT_EQ(mine[i].microbatch - leader[i].microbatch, static_cast<int64_t>(member - first));
      }
    }
}

TEST(PipelineSchedule, AnyShapeCompletesWithAnyDurations) {
  PhiloxSequence random(17, RandomStream::data);
  for (int round = 0; round < 1000 && !testing::Test::HasFailure(); ++round) {
    const ScheduleShape shape = random_shape(random);
    for (const auto order : {PipelineOrder::one_f_one_b, PipelineOrder::gpipe}) {
      SCOPED_TRACE(describe(shape, order));
      const Schedule schedule = make_schedule(shape, order);
      check_complete(schedule);
      check_limits(schedule, order);
      check_lock_step(schedule);
      std::size_t instructions = 0;
      for (const RankSchedule& rank : schedule.ranks) instructions += rank.instructions.size();
      for (uint64_t seed = 0; seed < 3; ++seed) {
        SymbolicRun run(schedule, seed);
        EXPECT_EQ(run.play(), instructions);
        EXPECT_FALSE(run.messages_are_left());
      }
    }
  }
}

}  // namespace
}  // namespace modr
