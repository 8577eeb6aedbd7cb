#pragma once
// The checkpoints of a run: <run>/checkpoints/step_00000100.h5 and the text file <run>/checkpoints/latest, which names
// the one to continue from. One process (rank 0) writes here. Other files there are nobody's business.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace modr {

/// "<run>/checkpoints/step_00000100.h5"; makes the folder when it is missing. Throws Error when it cannot.
std::filesystem::path new_checkpoint_path(const std::filesystem::path& run_folder, int64_t step);

/// Lets `latest`, beside it, name this checkpoint: call it once save_checkpoint() has returned. Throws Error.
void set_latest_checkpoint(const std::filesystem::path& checkpoint);

/// The checkpoint to continue from; nothing when the run has none. It is the one that `latest` names, or, where that
/// file is missing or damaged, or names one that is not there or cannot be opened, the newest that can, and a warning
/// says so. Throws Error when there are checkpoints and none can be opened.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run_folder);

/// `path`, or, where that is a folder, the latest_checkpoint() of the run whose folder it is. Throws Error when that run
/// has none.
std::filesystem::path checkpoint_file(const std::filesystem::path& path);

/// Whether there is a checkpoint, sound or not, or a `latest`.
bool has_checkpoints(const std::filesystem::path& run_folder);

/// Removes all but the newest `count` checkpoints (by step; at least 1), those whose step `every` divides (0: none), and
/// the one that `latest` names; and what killed saves left behind. Throws Error when a file cannot be removed.
void keep_checkpoints(const std::filesystem::path& run_folder, int64_t count, int64_t every);

/// Moves the checkpoints of steps behind `step` to the folder `to`, which is made when there are any, after `latest`
/// has been made to name the one of `step` where that lies here. Returns how many were moved. Throws Error.
int64_t set_checkpoints_aside(const std::filesystem::path& run_folder, int64_t step, const std::filesystem::path& to);

/// The run's own files here, with `latest` and what killed saves left behind.
std::vector<std::filesystem::path> checkpoint_files(const std::filesystem::path& run_folder);

}  // namespace modr
