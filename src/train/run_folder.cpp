#include "train/run_folder.hpp"

#include <ranges>
#include <system_error>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "train/metrics.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCheckpoints = "checkpoints";

constexpr const char* kReplaced = "replaced";

void move(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(from, error)) return;
  fs::rename(from, to, error);
  if (error) fail("{}: cannot be moved to {}: {}", from.string(), to.string(), error.message());
}

// "<base>", "<base>_2" and so on, as many as there are one after the other.
std::vector<fs::path> numbered(const fs::path& base) {
  std::error_code ignored;
  std::vector<fs::path> names;
  for (fs::path name = base; fs::exists(name, ignored);
       name = fmt::format("{}_{}", base.string(), names.size() + 1))
    names.push_back(name);
  return names;
}

// The next of them.
fs::path free_name(const fs::path& base) {
  const std::size_t taken = numbered(base).size();
  return taken == 0 ? base : fs::path(fmt::format("{}_{}", base.string(), taken + 1));
}

// What is ours in a run's folder goes to a folder of the same shape.
void move_run(const fs::path& from, const fs::path& to) {
  const std::vector<fs::path> files = checkpoint_files(from);
  make_folder(to / kCheckpoints);
  for (const char* name : {"config.yaml", "metrics.jsonl"}) move(from / name, to / name);
  for (const fs::path& file : files) move(file, to / kCheckpoints / file.filename());
}

void remove_run(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files = checkpoint_files(folder);
  files.insert(files.end(), {folder / "config.yaml", folder / "metrics.jsonl"});
  for (const fs::path& file : files)
    if (fs::remove(file, error); error) fail("{}: cannot be removed: {}", file.string(), error.message());
  for (const fs::path& empty : {folder / kCheckpoints, folder}) fs::remove(empty, error);  // or it holds other files
}

void set_abandoned_aside(const fs::path& run_folder, int64_t step) {
  const fs::path aside = free_name(run_folder / fmt::format("abandoned_after_step_{}", step));
  const int64_t moved = set_checkpoints_aside(run_folder, step, aside);
  if (moved == 0) return;
  copy_metrics_after(run_folder / "metrics.jsonl", step, aside / "metrics.jsonl");
  warn("going back to step {}: {} checkpoint(s) of later steps are set aside in {}", step, moved, aside.string());
}

}  // namespace

RunStart find_start(const StartRequest& request) {
  const fs::path& folder = request.folder;
  RunStart start{.folder = folder};
  if (!request.resume.empty()) {
    start.resume_from = request.resume == "auto" ? latest_checkpoint(folder) : checkpoint_file(request.resume);
    return start;
  }
  std::error_code ignored;
  const bool is_run = has_checkpoints(folder) || fs::exists(folder / kReplaced, ignored);
  if (is_run && !request.overwrite)
    fail("{}: holds a run already: --resume auto goes on with it, --overwrite replaces it, --set train.output=FOLDER "
         "keeps both",
         folder.string());
  start.replaces = request.overwrite;
  return start;
}

void check_not_replaced(const RunStart& start, const fs::path& init_from) {
  std::error_code error;
  if (!start.replaces || !fs::equivalent(init_from.parent_path(), start.folder / kCheckpoints, error)) return;
  fail("{}: train.init_from is a checkpoint of the run that --overwrite would replace: expected another train.output",
       init_from.string());
}

void make_room(const RunStart& start, int64_t step) {
  std::error_code ignored;
  make_folder(start.folder);
  if (start.resume_from) set_abandoned_aside(start.folder, step);
  const bool has_run = has_checkpoints(start.folder) || fs::exists(start.folder / "metrics.jsonl", ignored);
  if (start.replaces && has_run) move_run(start.folder, free_name(start.folder / kReplaced));
}

void remove_replaced(const fs::path& run_folder) {
  // The first one last: those behind it are found by it.
  for (const fs::path& replaced : numbered(run_folder / kReplaced) | std::views::reverse) remove_run(replaced);
}

}  // namespace modr
