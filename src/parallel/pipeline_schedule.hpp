#pragma once
// Which rank runs which pass over which microbatch, in what order and with whom it talks: data, made without talking.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "parallel/config.hpp"

namespace modr {

/// The stages of one replica. Microbatch m runs on rank m mod r of a stage with r ranks; the stages' ranks are numbered
/// one stage behind the other, as in the replica.
struct ScheduleShape {
  std::vector<int64_t> ranks;  ///< of each stage, one to three stages
  int64_t branch = 1;          ///< consecutive ranks of the branch stage that exchange rows, and so run in lock step
  int64_t microbatches = 0;    ///< a multiple of `branch`: the caller pads with microbatches of no rows
  bool backward_into_first = true;  ///< false: the first of several stages has forward passes only (it is frozen)

  /// The stage that has the branches: the only one, or the second.
  std::size_t branch_stage() const { return ranks.size() == 1 ? 0 : 1; }
  std::size_t last_stage() const { return ranks.size() - 1; }
  /// Ranks of `stage` that run in lock step.
  int64_t lock_step(std::size_t stage) const { return stage == branch_stage() ? branch : 1; }
  bool has_backward(std::size_t stage) const { return stage > 0 || ranks.size() == 1 || backward_into_first; }
  /// Throws Error naming what does not fit.
  void check() const;
};

enum class Pass { forward, backward };

/// One pass of one rank over one microbatch; peers are ranks of the replica, -1: none.
struct Instruction {
  Pass pass = Pass::forward;
  int64_t microbatch = 0;
  int receive_from = -1;
  int send_to = -1;

  bool operator==(const Instruction&) const = default;
};

/// What one rank does, in order.
struct RankSchedule {
  std::vector<Instruction> instructions;
  /// Microbatches that have had their forward pass and wait for their backward pass are never more than this. On a rank
  /// without backward passes: it sends no further output before all but so many have been taken by their receivers.
  int64_t max_in_flight = 1;
};

struct Schedule {
  ScheduleShape shape;
  std::vector<RankSchedule> ranks;  ///< of the replica
};

/// Orders all passes so that they cannot deadlock, whatever the ranks a stage and however long passes take. Every rank
/// runs its forward passes by rising microbatch, its backward passes too, and the ranks of a branch group run the same
/// kinds of passes in the same places. one_f_one_b keeps few microbatches in flight: S - s at stage s of S with one
/// rank each, and in general W_s = ceil((max(r_s, r_{s+1}) + r_{s+1} W_{s+1}) / r_s) a rank, 1 at the last stage.
Schedule make_schedule(const ScheduleShape& shape, PipelineOrder order);

/// How long a stage's passes over one microbatch take, in any unit.
struct StageTimes {
  double forward = 1;
  double backward = 2;
};

struct Simulation {
  double makespan = 0;
  std::vector<double> idle;  ///< of each stage: the share of its ranks' time that they wait
  double bubble = 0;         ///< the same over all ranks
};

/// Plays the schedule with one entry of `times` a stage; messages take no time.
Simulation simulate(const Schedule& schedule, const std::vector<StageTimes>& times);

}  // namespace modr
