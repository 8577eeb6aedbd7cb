#pragma once
// Runs one rank's part of a pipeline schedule. Without a pipeline it is the same code with nobody to talk to.
#include <cstdint>

#include "autograd/variable.hpp"
#include "comm/communicator.hpp"
#include "parallel/pipeline_schedule.hpp"

namespace modr {

/// What a rank's stage computes; the executor moves what flows between stages, and keeps it while it is needed.
class StageWork {
 public:
  virtual ~StageWork() = default;

  /// The output of `microbatch`, for the next stage; at the last stage the scalar loss. `input` is what the stage
  /// before computed: a leaf, with a gradient where one flows back; undefined at the first stage.
  virtual Variable forward(int64_t microbatch, const Variable& input) = 0;

  /// Shapes of what flows in and out, asked for where it comes from or goes to another stage. All ranks know all
  /// shapes, so that messages carry values alone; a microbatch may have no rows.
  virtual Shape input_shape(int64_t microbatch) const = 0;
  virtual Shape output_shape(int64_t microbatch) const = 0;
  virtual TensorType type() const = 0;
};

/// Where a rank's time went, in seconds.
struct PipelineTimes {
  double total = 0;
  double forward = 0, backward = 0;  ///< in passes, with what they wait for in their own exchanges
  double waiting = 0;                ///< for messages of other stages
  int64_t forwards = 0, backwards = 0;
};

/// Runs `schedule`, this rank's part, in order; with it the other ranks of the replica run theirs. For every microbatch
/// forward() is called once and, unless the rank has forward passes only, backward() over its output once, which leaves
/// gradients in the stage's leaves. Messages travel while the rank computes: sends wait for nobody, and the next
/// receive is under way before it is needed. When it returns, all messages have arrived. Throws Error when a stage's
/// output has another shape than output_shape() says, or needs a gradient that the schedule does not bring back.
PipelineTimes run_pipeline(const Communicator& replica, const RankSchedule& schedule, StageWork& work);

/// The share of the ranks' time that they do not compute.
struct Bubble {
  double measured = 0;
  double theoretical = 0;  ///< of the schedule, with the measured mean durations of each stage's passes
};

/// Collective over the replica, with what run_pipeline() returned on each rank for its part of `schedule`.
Bubble compare_bubble(const Communicator& replica, const Schedule& schedule, const PipelineTimes& mine);

}  // namespace modr
