#pragma once
// The checkpoints of a run: <run>/checkpoints/step_00000100.h5 and the text file <run>/checkpoints/latest, which names
// the one to continue from. One process (rank 0) writes here.
#include <cstdint>
#include <filesystem>
#include <optional>

namespace modr {

/// "<run>/checkpoints/step_00000100.h5"; makes the folder when it is missing. Throws Error when it cannot.
std::filesystem::path new_checkpoint_path(const std::filesystem::path& run_folder, int64_t step);

/// Lets `latest`, beside it, name this checkpoint: call it once save_checkpoint() has returned. Throws Error.
void set_latest_checkpoint(const std::filesystem::path& checkpoint);

/// The checkpoint that `latest` names, or nothing when the run has none yet. Throws Error when that file is missing.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run_folder);

/// Removes all but the newest `count` checkpoints (by step; at least 1), those whose step `every` divides (0: none), and
/// the one that `latest` names; and what killed saves left behind. Throws Error when a file cannot be removed.
void keep_checkpoints(const std::filesystem::path& run_folder, int64_t count, int64_t every);

}  // namespace modr
