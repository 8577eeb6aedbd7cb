#include "checkpoint/checkpoint_folder.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "checkpoint/durable_file.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "step_", kExtension = ".h5";

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

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) fail("{}: cannot be removed: {}", path.string(), error.message());
}

}  // namespace

fs::path new_checkpoint_path(const fs::path& run_folder, int64_t step) {
  std::error_code error;
  fs::create_directories(folder_of(run_folder), error);
  if (error) fail("{}: cannot be made: {}", folder_of(run_folder).string(), error.message());
  return folder_of(run_folder) / fmt::format("{}{:08}{}", kPrefix, step, kExtension);
}

void set_latest_checkpoint(const fs::path& checkpoint) {
  DurableFile latest(checkpoint.parent_path() / "latest");
  latest.write(checkpoint.filename().string() + "\n");
  latest.commit();
}

std::optional<fs::path> latest_checkpoint(const fs::path& run_folder) {
  const fs::path latest = folder_of(run_folder) / "latest";
  std::error_code error;
  if (!fs::exists(latest, error)) return std::nullopt;
  std::string name;
  std::ifstream in(latest);
  if (!std::getline(in, name) || !step_of(name))
    fail("{}: expected one line with the name of a checkpoint, e.g. step_00000100.h5", latest.string());
  const fs::path checkpoint = folder_of(run_folder) / name;
  if (!fs::exists(checkpoint, error)) fail("{}: names {}, which does not exist", latest.string(), name);
  return checkpoint;
}

void keep_checkpoints(const fs::path& run_folder, int64_t count, int64_t every) {
  MODR_CHECK(count >= 1 && every >= 0, "cannot keep {} checkpoints, and every {}", count, every);
  const std::optional<fs::path> latest = latest_checkpoint(run_folder);
  std::vector<std::pair<int64_t, fs::path>> checkpoints;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_of(run_folder), error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(DurableFile::kSuffix)) {
      remove_file(entry.path());
    } else if (const auto step = step_of(name)) {
      checkpoints.emplace_back(*step, entry.path());
    }
  }
  if (error) fail("{}: cannot be listed: {}", folder_of(run_folder).string(), error.message());
  std::sort(checkpoints.rbegin(), checkpoints.rend());
  for (std::size_t i = static_cast<std::size_t>(count); i < checkpoints.size(); ++i) {
    const auto& [step, path] = checkpoints[i];
    const bool is_latest = latest && path.filename() == latest->filename();
    if (!is_latest && (every == 0 || step % every != 0)) remove_file(path);
  }
}

}  // namespace modr
