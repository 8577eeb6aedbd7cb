#pragma once
// The axes data x stage x branch that the ranks of a job are laid out on, and the groups that follow from them.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/slice.hpp"
#include "comm/communicator.hpp"
#include "parallel/config.hpp"

namespace modr {

/// What a rank computes: one pipeline stage, or, without a pipeline, all of them.
enum class Stage { all, prelude, recurrence, coda };

/// A grid that was found to fit. Ranks stand in this order: replicas one behind the other; in a replica the prelude's
/// ranks, the recurrence's, the coda's; in the recurrence (without a pipeline: in the replica) its branch groups.
struct GridShape {
  int64_t data = 1;
  StageRanks stages;   ///< of one replica; all 0: one stage
  int64_t branch = 1;  ///< ranks of a branch group; the recurrence's ranks are a multiple of it

  /// Ranks of a replica by pipeline stage, as ScheduleShape takes them: one number without a pipeline.
  std::vector<int64_t> stage_ranks() const;
  int64_t ranks_per_replica() const;
  int64_t num_ranks() const { return data * ranks_per_replica(); }
  /// "data 2 x stages 1+2+1, branch 2: 8 ranks", or "data 4 x branch 2: 8 ranks".
  std::string describe() const;
};

/// The grid of a config for a job of `num_ranks`. Where the config leaves it open, `branch` is 1 with placement
/// replicate and else the largest size up to `n_branches` that fits, and `data` is what is left. Throws UsageError,
/// saying what would fit, when the grid has another number of ranks than the job; Error as config.validate() does.
GridShape resolve_grid(const ParallelConfig& config, int64_t n_branches, int64_t num_ranks);

/// Where a rank stands.
struct GridPlace {
  int64_t data_idx = 0;
  int64_t replica_rank = 0;  ///< among the ranks of the replica
  Stage stage = Stage::all;
  int64_t stage_idx = 0;      ///< among the ranks of the replica's stage
  int64_t branch_idx = -1;    ///< in its branch group; -1 on ranks that do not run the recurrence
  int64_t branch_group = -1;  ///< among those of the replica; -1 as above

  bool runs(Stage which) const { return stage == Stage::all || stage == which; }
};

/// Throws Error unless 0 <= rank < shape.num_ranks().
GridPlace place_of(const GridShape& shape, int64_t rank);

/// Which ranks hold a parameter, and so sum its gradient: those of all replicas that run the prelude, the prelude or
/// the coda (the embedding, which the head is tied to), the recurrence, or the coda; `branch`: those that run the
/// recurrence and have the same branch_idx (adapters that stand on one rank of each branch group).
enum class ParameterHome { prelude, embedding, core, branch, coda };

/// The grid with its groups, from the point of view of one rank. A value; copies share the groups.
class RankGrid {
 public:
  /// Collective over `world`, which has shape.num_ranks() ranks.
  RankGrid(const Communicator& world, const GridShape& shape);

  const GridShape& shape() const { return shape_; }
  const GridPlace& place() const { return place_; }
  const Communicator& world() const { return world_; }
  /// This rank's replica, in the order of replica_rank.
  const Communicator& replica() const { return replica_; }
  /// This rank's branch group, in the order of branch_idx; on a rank without the recurrence a group of its own.
  const Communicator& branch() const { return branch_; }

  /// Whether this rank holds the parameters of `home`.
  bool holds(ParameterHome home) const;
  /// All ranks that hold them. Throws Error on a rank that does not.
  const Communicator& group(ParameterHome home) const;

  /// The part of `n_branches` that this rank owns where branches are exchanged: sizes in a branch group differ by at
  /// most one, some are empty with more ranks than branches. Empty on a rank without the recurrence.
  Slice branches(int64_t n_branches) const;

 private:
  GridShape shape_;
  GridPlace place_;
  Communicator world_;
  Communicator replica_;
  Communicator branch_;
  std::array<std::optional<Communicator>, 5> groups_;  // by ParameterHome
};

}  // namespace modr
