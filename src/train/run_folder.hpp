#pragma once
// How a run begins in its folder, so that nothing that is there is lost. All by the root, which has its RunLock.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace modr {

/// What the command line asks for.
struct StartRequest {
  std::filesystem::path folder;  ///< of the run
  std::string resume;            ///< empty: a new run; auto: from the run's latest checkpoint; else from this one
  bool overwrite = false;        ///< a new run in the place of what is there
};

/// Where a run begins.
struct RunStart {
  std::filesystem::path folder;
  std::optional<std::filesystem::path> resume_from = {};  ///< nothing: from the beginning
  bool replaces = false;                                  ///< what is in the folder now
};

/// Throws Error when a new run would be over an old one.
RunStart find_start(const StartRequest& request);

/// Throws Error when `init_from` (a checkpoint) is part of what the run replaces.
void check_not_replaced(const RunStart& start, const std::filesystem::path& init_from);

/// Makes room for the run, once all that could be wrong has been looked at. Going back to an earlier step sets aside
/// what the abandoned line has behind it, in <run>/abandoned_after_step_3, with its lines of metrics.jsonl; replacing a
/// run sets that aside in <run>/replaced (a further one, when no start has come to a checkpoint yet, in replaced_2),
/// until remove_replaced(). Files that are not modr's stay. `step` is where the
/// run goes on. Throws Error.
void make_room(const RunStart& start, int64_t step);

/// Removes what make_room() has set aside of replaced runs. Throws Error.
void remove_replaced(const std::filesystem::path& run_folder);

}  // namespace modr
