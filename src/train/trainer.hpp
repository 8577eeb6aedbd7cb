#pragma once
#include <filesystem>
#include <optional>

#include "comm/communicator.hpp"
#include "train/train_job.hpp"

namespace modr {

/// Trains `job` on `data` over the ranks of `comm`, from the beginning, or from `resume_from`. Writes config.yaml,
/// metrics.jsonl and checkpoints to `run_folder` (root rank) and returns the last checkpoint. The same call on every
/// rank; when one fails, all throw the same Error.
std::filesystem::path train(const Communicator& comm, const TrainJob& job, const TrainData& data,
                            const std::filesystem::path& run_folder,
                            const std::optional<std::filesystem::path>& resume_from = {});

}  // namespace modr
