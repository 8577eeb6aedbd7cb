#pragma once
#include <filesystem>

#include "checkpoint/checkpoint.hpp"
#include "train/shard.hpp"

namespace modr {

/// Name of the router's bias in files; it is saved with the weights, but not trained.
inline constexpr const char* router_bias_name = "transformer.router.bias";

/// Writes the state after `step` steps to <run folder>/checkpoints, lets `latest` name it, and keeps the newest
/// job.train.keep_checkpoints. Returns the file on every rank. Collective over the shard's world, whose rank 0 writes;
/// when it cannot, all throw the same Error.
std::filesystem::path save_training_state(const std::filesystem::path& run_folder, int64_t step, const TrainJob& job,
                                          const Shard& shard);

/// Reads all parameters of this part of the model and the router's bias. Throws Error naming file and tensor when one
/// is missing or of another shape.
void load_weights(const CheckpointReader& reader, const ModrModel& model);

/// Reads the backbone, and the branches where the file has them; branches that it has not stay as they are initialised.
void load_initial_weights(const CheckpointReader& reader, const ModrModel& model);

/// Takes up a run where its checkpoint stands and returns the number of steps done. Throws Error when the checkpoint
/// does not belong to this job (another seed, batch size or mode).
int64_t restore_training_state(const CheckpointReader& reader, const TrainJob& job, const Shard& shard);

}  // namespace modr
