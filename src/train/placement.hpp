#pragma once
#include "comm/communicator.hpp"
#include "train/train_job.hpp"

namespace modr {

/// Where the job's branches are to live: what its config says, or, for `auto`, the faster of replicate and exchange
/// over a few steps that are run with each on the job's first batches and then forgotten; says on the terminal which,
/// with the times. Where there is nothing to decide it stays `auto`. Collective; the same on all ranks.
Placement decide_placement(const Communicator& world, const TrainJob& job, const TrainData& data);

}  // namespace modr
