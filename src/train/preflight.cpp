#include "train/preflight.hpp"

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "base/integer.hpp"
#include "base/process_memory.hpp"
#include "base/text.hpp"
#include "parallel/rank_grid.hpp"
#include "train/memory_plan.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

std::string size_text(int64_t bytes) {
  constexpr double mib = 1 << 20;
  const double size = static_cast<double>(bytes) / mib;
  return size < 1024 ? fmt::format("{:.1f} MiB", size) : fmt::format("{:.2f} GiB", size / 1024);
}

// What a rank is there for.
std::string role_of(const GridPlace& place, const GridShape& grid, int64_t n_branches, bool exchanged) {
  constexpr const char* names[] = {"the whole model", "prelude", "recurrence", "coda"};
  std::string role = names[static_cast<int>(place.stage)];
  if (!exchanged || grid.branch == 1 || !place.runs(Stage::recurrence)) return role;
  const Slice branches = rank_slice(n_branches, place.branch_idx, grid.branch);
  if (branches.count() == 0) return role + " without a branch";
  return branches.count() == 1 ? fmt::format("{} with branch {}", role, branches.begin)
                               : fmt::format("{} with branches {}-{}", role, branches.begin, branches.end - 1);
}

Placement planned_placement(const TrainJob& job) {
  return job.parallel.placement == Placement::exchange ? Placement::exchange : Placement::replicate;
}

void check_data(const TrainJob& job, const TrainData& data, Preflight& preflight) {
  preflight.lines.push_back(
      fmt::format("{}: mode {}, {} steps of {} sequences over {} rows of {} tokens, the longest {}", job.name,
                  name_of(job.train.mode), job.train.steps, job.train.global_batch, data.set.rows.size(),
                  data.set.num_tokens, data.set.largest_row().longest));
}

// Adds a line for every kind of rank, and returns what the rank takes that needs most. All replicas are alike.
int64_t check_ranks(const TrainJob& job, const TrainData& data, const GridShape& grid, int64_t program,
                    Preflight& preflight) {
  const Placement placement = planned_placement(job);
  const int64_t n_branches = job.model.branches.n_branches;
  const bool exchanged = placement == Placement::exchange && job.model.branches.has_router();
  std::string line = "grid: " + grid.describe();
  if (job.model.branches.has_router()) line += fmt::format(", branches placed by {}", name_of(placement));
  if (job.parallel.placement == Placement::automatic) line += " (auto: measured when the job starts)";
  preflight.lines.push_back(line);
  const BatchSize batch = largest_microbatch(job, grid, data.set.largest_row(), data.layout);
  std::vector<std::pair<std::string, std::vector<int64_t>>> kinds;
  int64_t most = 0;
  for (int64_t rank = 0; rank < grid.ranks_per_replica(); ++rank) {
    const int64_t bytes = plan_training(job, grid, rank, placement, batch, program).total();
    const std::string kind =
        fmt::format("{}, {} a rank", role_of(place_of(grid, rank), grid, n_branches, exchanged), size_text(bytes));
    auto found = std::ranges::find(kinds, kind, [](const auto& known) { return known.first; });
    if (found == kinds.end()) found = kinds.insert(kinds.end(), {kind, {}});
    for (int64_t data_idx = 0; data_idx < grid.data; ++data_idx)
      found->second.push_back(data_idx * grid.ranks_per_replica() + rank);
    most = std::max(most, bytes);
  }
  for (auto& [kind, ranks] : kinds) {
    std::ranges::sort(ranks);
    preflight.lines.push_back(fmt::format("  {}: {}", ranks_text(ranks), kind));
  }
  return most;
}

// On a machine whose ranks are known they have to fit together, else one has to.
void check_memory(int64_t rank_bytes, const Machine& machine, Preflight& preflight) {
  const int64_t needed = rank_bytes * std::max<int64_t>(machine.ranks, 1);
  const std::string has = fmt::format("the machine has {}", size_text(machine.memory));
  if (machine.ranks > 0)
    preflight.lines.push_back(fmt::format("memory: {} for {} on this machine, {}", size_text(needed),
                                          machine.ranks == 1 ? "the rank" : fmt::format("the {} ranks", machine.ranks),
                                          has));
  else
    preflight.lines.push_back(fmt::format("memory: {} for the rank that needs most, a machine like this one holds {}",
                                          size_text(rank_bytes), machine.memory / rank_bytes));
  if (needed > machine.memory)
    preflight.misfits.push_back(fmt::format("memory: {} are needed and {}: a smaller train.microbatch or "
                                            "train.recompute takes less",
                                            size_text(needed), has));
}

// How many checkpoints lie there at once, at most: those that are kept and the one that is being written.
int64_t checkpoints_at_once(const TrainConfig& train) {
  const int64_t every = train.checkpoint_every > 0 ? train.checkpoint_every : train.steps;
  const int64_t saves = ceil_div(train.steps, every);
  if (train.keep_checkpoints == 0) return saves;
  const int64_t for_good = train.keep_every > 0 ? train.steps / std::lcm(every, train.keep_every) : 0;
  return std::min(saves, train.keep_checkpoints + 1 + for_good);
}

void check_disk(const TrainJob& job, const Machine& machine, Preflight& preflight) {
  const bool keeps_all = job.train.keep_checkpoints == 0;
  const int64_t at_once = checkpoints_at_once(job.train);
  const int64_t bytes = checkpoint_bytes(job), needed = at_once * bytes;
  const int64_t available = machine.free_disk + (keeps_all ? 0 : machine.old_checkpoints);
  preflight.lines.push_back(fmt::format("checkpoints: {} each, {} at once: {}; {} of disk are free for them",
                                        size_text(bytes), at_once, size_text(needed), size_text(available)));
  if (needed > available)
    preflight.misfits.push_back(
        fmt::format("disk: checkpoints need {} and {} are free: fewer that are kept (train.keep_checkpoints, "
                    "train.keep_every), or another train.output",
                    size_text(needed), size_text(available)));
  if (!machine.writable) preflight.misfits.push_back("disk: the run's folder cannot be written");
}

}  // namespace

Machine this_machine(const fs::path& run_folder, int64_t ranks) {
  Machine machine{.memory = machine_bytes(), .program = resident_bytes(), .ranks = ranks};
  std::error_code error;
  fs::path there = fs::absolute(run_folder);
  while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  const fs::space_info space = fs::space(there, error);
  if (error) fail("{}: cannot be looked at: {}", there.string(), error.message());
  machine.free_disk = static_cast<int64_t>(space.available);
  machine.writable = access(there.c_str(), W_OK) == 0;
  for (const auto& entry : fs::directory_iterator(run_folder / "checkpoints", error))
    if (const auto bytes = entry.file_size(error); !error && entry.path().extension() == ".h5")
      machine.old_checkpoints += static_cast<int64_t>(bytes);
  return machine;
}

Preflight check_job(const TrainJob& job, const TrainData& data, int64_t ranks, const Machine& machine) {
  Preflight preflight;
  check_data(job, data, preflight);
  try {
    const GridShape grid = resolve_grid(job.parallel, job.model.branches.n_branches, ranks);
    check_memory(check_ranks(job, data, grid, machine.program, preflight), machine, preflight);
  } catch (const UsageError& error) {
    preflight.misfits.emplace_back(error.what());
  }
  check_disk(job, machine, preflight);
  return preflight;
}

int64_t checkpoint_bytes(const TrainJob& job) {
  const ModrModel model(job.model, {job.train.dtype, meta_device}, job.train.trainable);
  return tensor_bytes_of_checkpoint(model.parameters()) + std::ssize(job.config_yaml);
}

}  // namespace modr
