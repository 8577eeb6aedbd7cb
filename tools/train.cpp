// modr train: trains what a run file describes, on all ranks of the job.
#include <fmt/ranges.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "comm/agree.hpp"
#include "comm/launcher.hpp"
#include "dataset/tokenizer.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/device_choice.hpp"
#include "tools/cli/model_loading.hpp"
#include "tools/cli/run_identity.hpp"
#include "train/placement.hpp"
#include "train/preflight.hpp"
#include "train/run_folder.hpp"
#include "train/run_lock.hpp"
#include "train/trainer.hpp"

namespace modr::tools {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

struct TrainRequest {
  std::string config, resume;
  std::vector<std::string> overrides;
  bool overwrite = false, dry_run = false, accepts_changed_data = false, show_folder = false;
  std::optional<double> time_limit_s;
  uint64_t ranks = 0;
};

std::optional<TrainRequest> parse_request(int argc, char** argv) {
  TrainRequest request;
  CommandLine line("train", "--config FILE [options]",
                   "Trains what a run file describes and writes config.yaml, metrics.jsonl and checkpoints to the\n"
                   "run's folder (train.output, else runs/NAME). Runs on all ranks of mpirun or srun. SIGTERM,\n"
                   "SIGINT, SIGHUP or SIGUSR1 to any of them, and a time limit, let it save and exit with 4: --resume\n"
                   "auto goes on.");
  auto add = line.option();
  add("config", po::value(&request.config)->value_name("FILE"), "the run file, e.g. configs/run/demo_pretrain.yaml");
  add("set", po::value(&request.overrides)->value_name("KEY=VALUE")->composing(),
      "overrides a field of it, e.g. optim.lr=1e-3; any number of times");
  add("resume", po::value(&request.resume)->value_name("auto|FILE"),
      "goes on from the run's latest checkpoint (from the beginning when there is none), or from FILE, which may be a\n"
      "run's folder");
  add("overwrite", po::bool_switch(&request.overwrite),
      "replaces an earlier run in the same folder, once the new one has saved its first checkpoint");
  add("accept-changed-data", po::bool_switch(&request.accepts_changed_data),
      "goes on (--resume) although the training rows, or how they are read, are not those of the checkpoint");
  add("time-limit",
      po::value<std::string>()->value_name("TIME")->notifier([&](const std::string& text) {
        request.time_limit_s = parse_option("time-limit", [&] { return parse_duration(text); });
      }),
      "saves and stops before so much time is over, e.g. 90m (s, m or h); under Slurm the job's end is known without");
  add("dry-run", po::bool_switch(&request.dry_run),
      "trains nothing: checks config and data and prints the grid, memory, disk and what does not fit (then exits 1)");
  add("show-folder", po::bool_switch(&request.show_folder), "prints the run's folder, and ends");
  add("ranks", unsigned_value("ranks", request.ranks), "of a dry run: as if on N ranks; 0: on those that it runs on");
  if (!line.parse(argc, argv)) return std::nullopt;
  if (request.ranks > 0 && !request.dry_run) throw UsageError("--ranks: expected together with --dry-run");
  if (!line.given("config")) throw UsageError("expected --config FILE");
  if (request.overwrite && !request.resume.empty())
    throw UsageError("--resume and --overwrite: expected one of them");
  return request;
}

fs::path folder_of(const RunConfig& config) {
  return config.train.output.empty() ? fs::path("runs") / config.name : fs::path(config.train.output);
}

// Everything a rank needs before the first step.
struct PreparedRun {
  RunConfig config;
  TrainData data;
  DataIdentity identity;
  RunStart start;
  Device device = cpu_device;

  TrainJob job() const {
    return {config.name,  config.seed,     config.model,    config.optim,
            config.train, config.parallel, to_yaml(config), identity, device};
  }
};

void load_data(PreparedRun& run) {
  const DatasetConfig& data = run.config.data;
  const Tokenizer tokenizer = data.tokenizer.empty() ? Tokenizer::bytes() : Tokenizer::load(data.tokenizer);
  if (tokenizer.vocab_size() > run.config.model.vocab_size)
    fail("{}: the tokenizer has {} ids, more than model.vocab_size: {}",
         data.tokenizer.empty() ? "data.tokenizer" : data.tokenizer, tokenizer.vocab_size(),
         run.config.model.vocab_size);
  run.data = {load_training_set(data, tokenizer), batch_layout(data, tokenizer)};
  run.identity = {data.tokenizer.empty() ? "bytes" : hash_of_file(data.tokenizer), digest_of(run.data.set)};
}

// The root looks into the folder; all ranks begin at what it found.
RunStart agree_on_start(const Communicator& world, const StartRequest& request) {
  const std::string from = root_decides(world, [&] {
    const RunStart start = find_start(request);
    return start.resume_from ? start.resume_from->string() : "";
  });
  RunStart start{request.folder, {}, request.overwrite};
  if (!from.empty()) start.resume_from = from;
  return start;
}

// A run that goes on needs nothing of the checkpoint that it began from, and keeps the placement that was measured then.
void go_on(const Communicator& world, PreparedRun& run, bool accepts_changed_data) {
  std::vector placement{static_cast<int64_t>(run.config.parallel.placement)};
  run_agreed(world, [&] {
    if (!world.is_root()) return;
    const CheckpointReader reader(*run.start.resume_from);
    check_identity(reader, run.config, run.identity, accepts_changed_data);
    const RunConfig before = parse_run_config(reader.info().config, reader.path().string() + ": config");
    if (run.config.parallel.placement == Placement::automatic)
      placement[0] = static_cast<int64_t>(before.parallel.placement);
  });
  world.broadcast(std::span(placement), 0);
  run.config.parallel.placement = static_cast<Placement>(placement[0]);
}

// What a new run begins from has to be there and to fit.
void begin(const Communicator& world, PreparedRun& run) {
  TrainConfig& train = run.config.train;
  train.init_from = root_decides(world, [&] {
    check_backbone_is_named(run.config);
    if (!train.starts_from_checkpoint()) return train.init_from;
    const fs::path file = checkpoint_file(train.init_from);
    check_not_replaced(run.start, file);
    check_initial_weights(CheckpointReader(file), run.config);
    return file.string();
  });
}

int try_on(const Communicator& world, const TrainRequest& request, const PreparedRun& run) {
  int64_t misfits = 0;
  run_agreed(world, [&] {
    if (!world.is_root()) return;
    const bool as_started = request.ranks == 0 || request.ranks == static_cast<uint64_t>(world.size());
    const Machine machine = this_machine(run.start.folder, as_started ? detect_launch().ranks_on_host : 0);
    const Preflight preflight =
        check_job(run.job(), run.data, as_started ? world.size() : static_cast<int64_t>(request.ranks), machine);
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
  StartRequest start{{}, request.resume, request.overwrite};
  run_agreed(world, [&] {
    run.config = load_run_config(request.config, request.overrides);
    start.folder = folder_of(run.config);
  });
  std::optional<RunLock> lock;
  run_agreed(world, [&] {
    if (world.is_root() && !request.dry_run) lock.emplace(start.folder);
  });
  run.start = agree_on_start(world, start);
  run_agreed(world, [&] { load_data(run); });
  if (run.start.resume_from) go_on(world, run, request.accepts_changed_data);
  else begin(world, run);
  run_agreed(world, [&] { run.device = choose_device(run.config.train.device); });
  if (request.dry_run) return try_on(world, request, run);
  world.set_timeout(run.config.parallel.timeout_s);
  run.config.parallel.placement = decide_placement(world, run.job(), run.data);
  const TrainOutcome outcome = train(world, run.job(), run.data, run.start,
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
  if (request->show_folder) {
    fmt::print("{}\n", folder_of(load_run_config(request->config, request->overrides)).string());
    return 0;
  }
  return run_on_ranks("modr train", [&](const Communicator& world) { return train_on(world, *request, started); });
}

}  // namespace modr::tools
