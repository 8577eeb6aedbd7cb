// modr train: trains what a run file describes, on all ranks of the job.
#include <fmt/ranges.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "comm/agree.hpp"
#include "comm/launcher.hpp"
#include "dataset/tokenizer.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/model_loading.hpp"
#include "train/preflight.hpp"
#include "train/trainer.hpp"

namespace modr::tools {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

struct TrainRequest {
  std::string config, resume;
  std::vector<std::string> overrides;
  bool overwrite = false, dry_run = false;
  std::optional<double> time_limit_s;
  uint64_t ranks = 0;
};

std::optional<TrainRequest> parse_request(int argc, char** argv) {
  TrainRequest request;
  CommandLine line("train", "--config FILE [options]",
                   "Trains what a run file describes and writes config.yaml, metrics.jsonl and checkpoints to the\n"
                   "run's folder (train.output, else runs/NAME). Runs on all ranks of mpirun or srun. SIGTERM, SIGINT\n"
                   "or SIGUSR1 to any of them, and a time limit, let it save and exit with 4: --resume auto goes on.");
  auto add = line.option();
  add("config", po::value(&request.config)->value_name("FILE"), "the run file, e.g. configs/run/demo_pretrain.yaml");
  add("set", po::value(&request.overrides)->value_name("KEY=VALUE")->composing(),
      "overrides a field of it, e.g. optim.lr=1e-3; any number of times");
  add("resume", po::value(&request.resume)->value_name("auto|FILE"),
      "goes on from the run's latest checkpoint (from the beginning when there is none), or from FILE");
  add("overwrite", po::bool_switch(&request.overwrite), "replaces an earlier run in the same folder");
  add("time-limit",
      po::value<std::string>()->value_name("TIME")->notifier([&](const std::string& text) {
        request.time_limit_s = parse_option("time-limit", [&] { return parse_duration(text); });
      }),
      "saves and stops before so much time is over, e.g. 90m (s, m or h); under Slurm the job's end is known without");
  add("dry-run", po::bool_switch(&request.dry_run),
      "trains nothing: checks config and data and prints the grid, memory, disk and what does not fit (then exits 1)");
  add("ranks", unsigned_value("ranks", request.ranks), "of a dry run: as if on N ranks; 0: on those that it runs on");
  if (!line.parse(argc, argv)) return std::nullopt;
  if (request.ranks > 0 && !request.dry_run) throw UsageError("--ranks: expected together with --dry-run");
  if (!line.given("config")) throw UsageError("expected --config FILE");
  if (request.overwrite && !request.resume.empty())
    throw UsageError("--resume and --overwrite: expected one of them");
  return request;
}

// Everything a rank needs before the first step.
struct PreparedRun {
  TrainJob job;
  TrainData data;
  fs::path folder;
  std::optional<fs::path> resume_from;
};

// The checkpoint to go on from; nothing for a new run, whose folder must then be free.
std::optional<fs::path> find_start(const TrainRequest& request, const fs::path& folder) {
  if (!request.resume.empty() && request.resume != "auto") return request.resume;
  const std::optional<fs::path> latest = latest_checkpoint(folder);
  if (request.resume == "auto") return latest;
  if (latest && !request.overwrite)
    fail("{}: holds a run already: --resume auto goes on with it, --overwrite replaces it, --set train.output=FOLDER "
         "keeps both",
         folder.string());
  return std::nullopt;
}

TrainData load_data(const RunConfig& config) {
  const Tokenizer tokenizer =
      config.data.tokenizer.empty() ? Tokenizer::bytes() : Tokenizer::load(config.data.tokenizer);
  if (tokenizer.vocab_size() > config.model.vocab_size)
    fail("{}: the tokenizer has {} ids, more than model.vocab_size: {}",
         config.data.tokenizer.empty() ? "data.tokenizer" : config.data.tokenizer, tokenizer.vocab_size(),
         config.model.vocab_size);
  return {load_training_set(config.data, tokenizer), batch_layout(config.data, tokenizer)};
}

PreparedRun prepare(const TrainRequest& request) {
  RunConfig config = load_run_config(request.config, request.overrides);
  if (!config.train.init_from.empty()) config.train.init_from = checkpoint_file(config.train.init_from).string();
  PreparedRun run;
  run.folder = config.train.output.empty() ? fs::path("runs") / config.name : fs::path(config.train.output);
  run.resume_from = find_start(request, run.folder);
  run.data = load_data(config);
  run.job = {config.name,  config.seed,     config.model,   config.optim,
             config.train, config.parallel, to_yaml(config)};
  return run;
}

// The checkpoints that the run would start from have to be there.
void check_start(const PreparedRun& run) {
  if (run.resume_from) CheckpointReader{*run.resume_from};
  if (!run.job.train.init_from.empty()) CheckpointReader{run.job.train.init_from};
}

int try_on(const Communicator& world, const TrainRequest& request, const PreparedRun& run) {
  int64_t misfits = 0;
  run_agreed(world, [&] {
    if (!world.is_root()) return;
    check_start(run);
    const bool as_started = request.ranks == 0 || request.ranks == static_cast<uint64_t>(world.size());
    const Machine machine = this_machine(run.folder, as_started ? detect_launch().ranks_on_host : 0);
    const Preflight preflight =
        check_job(run.job, run.data, as_started ? world.size() : static_cast<int64_t>(request.ranks), machine);
    fmt::print("{}\n", fmt::join(preflight.lines, "\n"));
    for (const std::string& misfit : preflight.misfits) fmt::print("does not fit: {}\n", misfit);
    misfits = std::ssize(preflight.misfits);
    if (misfits == 0) fmt::print("fits\n");
    std::fflush(stdout);
  });
  return world.all_reduced(misfits) == 0 ? exit_code::ok : exit_code::failed;
}

int train_on(const Communicator& world, const TrainRequest& request, Deadline started) {
  PreparedRun run;
  run_agreed(world, [&] { run = prepare(request); });
  if (request.dry_run) return try_on(world, request, run);
  run_agreed(world, [&] {
    if (world.is_root() && request.overwrite) fs::remove_all(run.folder / "checkpoints");
  });
  const TrainOutcome outcome = train(world, run.job, run.data, run.folder, run.resume_from,
                                     find_deadline(request.time_limit_s, process_environment, started));
  if (world.is_root()) fmt::print("{}\n", outcome.checkpoint.string());
  if (outcome.finished) return exit_code::ok;
  log("{}: saved {}, continue with --resume auto", outcome.why, outcome.checkpoint.string());
  std::fflush(stdout);  // the first rank to exit with this code lets mpirun end the others
  return exit_code::interrupted;
}

}  // namespace

int run_train(int argc, char** argv) {
  const Deadline started = Deadline::clock::now();
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  return run_on_ranks("modr train", [&](const Communicator& world) { return train_on(world, *request, started); });
}

}  // namespace modr::tools
