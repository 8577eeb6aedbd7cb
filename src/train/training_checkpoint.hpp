#pragma once
#include <cstdint>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/manifest.hpp"
#include "train/shard.hpp"

namespace modr {

/// Name of the router's bias in files; it is saved with the weights, but not trained.
inline constexpr const char* router_bias_name = "transformer.router.bias";

/// What a checkpoint of this state says beside its tensors. `guard`: CheckpointInfo::guard.
CheckpointInfo checkpoint_info(int64_t step, const TrainJob& job, const AdamW& optimizer,
                               const std::vector<double>& guard);

/// The tensors of a checkpoint that this rank holds: views, which later steps change.
std::vector<CheckpointTensor> checkpoint_tensors(const TrainJob& job, const Shard& shard);

/// Bytes of these parameters in a checkpoint: values, and the two moments of those that train.
int64_t tensor_bytes_of_checkpoint(const ParameterList& parameters);
/// The same of those that train alone: what a save beside training copies.
int64_t changing_bytes_of_checkpoint(const ParameterList& parameters);

/// Reads all parameters of this part of the model and the router's bias. Throws Error naming file and tensor when one
/// is missing or of another shape.
void load_weights(const CheckpointReader& reader, const ModrModel& model);

/// Reads the backbone, and the branches where the file has them; branches that it has not stay as they are initialised.
void load_initial_weights(const CheckpointReader& reader, const ModrModel& model);

/// Takes up a run where its checkpoint stands and returns the number of steps done. Throws Error when the checkpoint
/// does not belong to this job (another seed, batch size or mode).
int64_t restore_training_state(const CheckpointReader& reader, const TrainJob& job, const Shard& shard);

}  // namespace modr
