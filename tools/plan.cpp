// modr plan: how much memory a run file's training, or decoding with its model, will take on each rank.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/process_memory.hpp"
#include "base/text.hpp"
#include "config/run_config.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "train/memory_plan.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

struct PlanRequest {
  std::string config;
  std::vector<std::string> overrides;
  uint64_t ranks = 0, decode = 0;
  CacheConfig cache;
};

std::optional<PlanRequest> parse_request(int argc, char** argv) {
  PlanRequest request;
  CommandLine line("plan", "--config FILE [options]",
                   "Predicts the memory that each rank of a training run takes at most, by what it is for, without\n"
                   "running anything. Rows are taken to be data.max_seq_len long.");
  auto add = line.option();
  add("config", po::value(&request.config)->value_name("FILE"), "the run file, e.g. configs/run/demo_pretrain.yaml");
  add("set", po::value(&request.overrides)->value_name("KEY=VALUE")->composing(),
      "overrides a field of it, e.g. train.recompute=block; any number of times");
  add("ranks", unsigned_value("ranks", request.ranks), "ranks of the job; 0: as few as the config's grid takes");
  add("decode", unsigned_value("decode", request.decode),
      "plans decoding of N sequences of model.block_size tokens with model.mean_recurrence recurrences instead");
  add("cache",
      po::value<std::string>()->value_name("NAME")->default_value("full")->notifier([&](const std::string& text) {
        request.cache = parse_option("cache", [&] { return parse_cache_config(text); });
      }),
      (std::string("of decoding: ") + cache_config_names).c_str());
  if (!line.parse(argc, argv)) return std::nullopt;
  if (!line.given("config")) throw UsageError("expected --config FILE");
  return request;
}

int64_t smallest_job(const ParallelConfig& parallel) {
  const StageRanks& stages = parallel.stages;
  const int64_t replica = stages.is_pipeline() ? stages.prelude + stages.recurrence + stages.coda
                                               : std::max<int64_t>(parallel.branch, 1);
  return replica * std::max<int64_t>(parallel.data, 1);
}

void print_decoding(const RunConfig& config, const PlanRequest& request) {
  const ModelConfig& model = config.model;
  const auto sequences = static_cast<int64_t>(request.decode);
  const MemoryPlan plan = plan_decoding(model, config.train.dtype,
                                        {.sequences = sequences, .prompt = model.block_size,
                                         .capacity = model.block_size, .num_steps = model.mean_recurrence,
                                         .cache = request.cache, .merge_up_to = config.parallel.merge_up_to},
                                        resident_bytes());
  fmt::print("decoding, {} x {} tokens, {} recurrences\n{}", sequences, model.block_size, model.mean_recurrence,
             describe(plan));
}

// Ranks with the same plan share a table; those of all replicas have those of the first, whose samples are the most.
void print_training(const RunConfig& config, const PlanRequest& request) {
  const TrainJob job{config.name, config.seed, config.model, config.optim, config.train, config.parallel, {}};
  const auto ranks = request.ranks > 0 ? static_cast<int64_t>(request.ranks) : smallest_job(config.parallel);
  const GridShape grid = resolve_grid(job.parallel, job.model.branches.n_branches, ranks);
  const Placement placement =
      job.parallel.placement == Placement::exchange ? Placement::exchange : Placement::replicate;
  const int64_t longest = config.data.max_seq_len;
  const int64_t documents = config.data.packing == Packing::pack ? 2 : 1;  // more take next to nothing
  const BatchSize batch =
      largest_microbatch(job, grid, {longest, documents}, {.multiple = config.data.pad_multiple, .max_seq = longest});
  const int64_t program = resident_bytes();
  std::map<std::string, std::vector<int64_t>> tables;
  for (int64_t rank = 0; rank < grid.ranks_per_replica(); ++rank) {
    std::vector<int64_t>& of_table = tables[describe(plan_training(job, grid, rank, placement, batch, program))];
    for (int64_t replica = 0; replica < grid.data; ++replica)
      of_table.push_back(replica * grid.ranks_per_replica() + rank);
  }
  fmt::print("{}, {} x {} tokens a pass\n", grid.describe(), batch.rows, batch.seq);
  for (auto& [table, of_ranks] : tables) {
    std::ranges::sort(of_ranks);
    fmt::print("{}\n{}", ranks_text(of_ranks), table);
  }
}

}  // namespace

int run_plan(int argc, char** argv) {
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  const RunConfig config = load_run_config(request->config, request->overrides);
  if (request->decode > 0) print_decoding(config, *request);
  else print_training(config, *request);
  return 0;
}

}  // namespace modr::tools
