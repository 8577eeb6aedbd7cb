#include "checkpoint/checkpoint_folder.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/durable_file.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "step_", kExtension = ".h5", kLatest = "latest";

struct StepFile {
  int64_t step = 0;
  fs::path path;
};

fs::path folder_of(const fs::path& run_folder) { return run_folder / "checkpoints"; }

// 100 for "step_00000100.h5"; nothing for other names.
std::optional<int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kExtension)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kExtension.size());
  int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size() || step < 0) return std::nullopt;
  return step;
}

// What a save that was killed leaves.
bool is_left_behind(std::string_view name) {
  if (!name.ends_with(DurableFile::kSuffix)) return false;
  name.remove_suffix(DurableFile::kSuffix.size());
  return name == kLatest || step_of(name).has_value();
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) fail("{}: cannot be removed: {}", path.string(), error.message());
}

std::vector<fs::path> list(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  if (!fs::exists(folder, error) && !error) return {};
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) entries.push_back(at->path());
  if (error) fail("{}: cannot be listed: {}", folder.string(), error.message());
  return entries;
}

// The newest first.
std::vector<StepFile> checkpoints_of(const fs::path& run_folder) {
  std::vector<StepFile> found;
  for (const fs::path& path : list(folder_of(run_folder)))
    if (const auto step = step_of(path.filename().string())) found.push_back({*step, path});
  std::ranges::sort(found, std::greater(), &StepFile::step);
  return found;
}

// Why it cannot be continued from; empty: it can be opened.
std::string fault_of(const fs::path& checkpoint) {
  try {
    CheckpointReader{checkpoint};
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// What `latest` names, whether or not it is there; nothing when the file is missing or says something else.
std::optional<fs::path> named_by_latest(const fs::path& run_folder) {
  std::ifstream in(folder_of(run_folder) / kLatest);
  std::string name;
  if (!std::getline(in, name) || !step_of(name)) return std::nullopt;
  return folder_of(run_folder) / name;
}

std::string why_not(const std::optional<fs::path>& named, const fs::path& latest) {
  std::error_code ignored;
  if (!named) {
    return fs::exists(latest, ignored) ? "does not hold the name of a checkpoint, e.g. step_00000100.h5" : "is missing";
  }
  if (!fs::exists(*named, ignored)) return "names " + named->filename().string() + ", which does not exist";
  return "names a checkpoint that cannot be read (" + fault_of(*named) + ")";
}

}  // namespace

fs::path new_checkpoint_path(const fs::path& run_folder, int64_t step) {
  make_folder(folder_of(run_folder));
  return folder_of(run_folder) / fmt::format("{}{:08}{}", kPrefix, step, kExtension);
}

void set_latest_checkpoint(const fs::path& checkpoint) {
  DurableFile latest(checkpoint.parent_path() / kLatest);
  latest.write(checkpoint.filename().string() + "\n");
  latest.commit();
}

std::optional<fs::path> latest_checkpoint(const fs::path& run_folder) {
  const std::optional<fs::path> named = named_by_latest(run_folder);
  std::error_code ignored;
  if (named && fs::exists(*named, ignored) && fault_of(*named).empty()) return named;
  if (!has_checkpoints(run_folder)) return std::nullopt;
  const fs::path latest = folder_of(run_folder) / kLatest;
  const std::string why = why_not(named, latest);
  for (const auto& [step, path] : checkpoints_of(run_folder)) {
    if (!fault_of(path).empty()) continue;
    warn("{} {}: taking {}, the newest checkpoint that can be read", latest.string(), why, path.filename().string());
    return path;
  }
  fail("{} {}, and no checkpoint beside it can be read", latest.string(), why);
}

fs::path checkpoint_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  const auto latest = latest_checkpoint(path);
  if (!latest)
    fail("{}: a folder without checkpoints/latest: expected a checkpoint or the folder of a run that has one",
         path.string());
  return *latest;
}

bool has_checkpoints(const fs::path& run_folder) {
  std::error_code ignored;
  return fs::exists(folder_of(run_folder) / kLatest, ignored) || !checkpoints_of(run_folder).empty();
}

void keep_checkpoints(const fs::path& run_folder, int64_t count, int64_t every) {
  MODR_CHECK(count >= 1 && every >= 0, "cannot keep {} checkpoints, and every {}", count, every);
  const std::optional<fs::path> latest = named_by_latest(run_folder);
  for (const fs::path& path : list(folder_of(run_folder)))
    if (is_left_behind(path.filename().string())) remove_file(path);
  const std::vector<StepFile> checkpoints = checkpoints_of(run_folder);
  for (std::size_t i = static_cast<std::size_t>(count); i < checkpoints.size(); ++i) {
    const auto& [step, path] = checkpoints[i];
    if (path != latest && (every == 0 || step % every != 0)) remove_file(path);
  }
}

int64_t set_checkpoints_aside(const fs::path& run_folder, int64_t step, const fs::path& to) {
  std::vector<StepFile> checkpoints = checkpoints_of(run_folder);
  const auto here = std::ranges::find(checkpoints, step, &StepFile::step);
  if (here != checkpoints.end() && here != checkpoints.begin()) set_latest_checkpoint(here->path);
  std::erase_if(checkpoints, [&](const StepFile& each) { return each.step <= step; });
  if (checkpoints.empty()) return 0;
  make_folder(to);
  for (const StepFile& each : checkpoints) {
    std::error_code error;
    fs::rename(each.path, to / each.path.filename(), error);
    if (error) fail("{}: cannot be moved to {}: {}", each.path.string(), to.string(), error.message());
  }
  return std::ssize(checkpoints);
}

std::vector<fs::path> checkpoint_files(const fs::path& run_folder) {
  std::vector<fs::path> files = list(folder_of(run_folder));
  std::erase_if(files, [](const fs::path& path) {
    const std::string name = path.filename().string();
    return name != kLatest && !step_of(name) && !is_left_behind(name);
  });
  return files;
}

}  // namespace modr
