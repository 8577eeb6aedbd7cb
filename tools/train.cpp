// modr train: trains what a run file describes, on all ranks of the job.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "comm/agree.hpp"
#include "dataset/tokenizer.hpp"
#include "tools/command_line.hpp"
#include "tools/commands.hpp"
#include "tools/model_loading.hpp"
#include "train/trainer.hpp"

namespace modr::tools {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

struct TrainRequest {
  std::string config, resume;
  std::vector<std::string> overrides;
  bool overwrite = false;
};

std::optional<TrainRequest> parse_request(int argc, char** argv) {
  TrainRequest request;
  CommandLine line("train", "--config FILE [options]",
                   "Trains what a run file describes and writes config.yaml, metrics.jsonl and checkpoints to the\n"
                   "run's folder (train.output, else runs/NAME). Runs on all ranks of mpirun or srun.");
  auto add = line.option();
  add("config", po::value(&request.config)->value_name("FILE"), "the run file, e.g. configs/run/demo_pretrain.yaml");
  add("set", po::value(&request.overrides)->value_name("KEY=VALUE")->composing(),
      "overrides a field of it, e.g. optim.lr=1e-3; any number of times");
  add("resume", po::value(&request.resume)->value_name("auto|FILE"),
      "goes on from the run's latest checkpoint (from the beginning when there is none), or from FILE");
  add("overwrite", po::bool_switch(&request.overwrite), "replaces an earlier run in the same folder");
  if (!line.parse(argc, argv)) return std::nullopt;
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

int train_on(const Communicator& world, const TrainRequest& request) {
  PreparedRun run;
  run_agreed(world, [&] { run = prepare(request); });
  run_agreed(world, [&] {
    if (world.is_root() && request.overwrite) fs::remove_all(run.folder / "checkpoints");
  });
  const fs::path checkpoint = train(world, run.job, run.data, run.folder, run.resume_from);
  if (world.is_root()) fmt::print("{}\n", checkpoint.string());
  return 0;
}

}  // namespace

int run_train(int argc, char** argv) {
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  return run_on_ranks("modr train", [&](const Communicator& world) { return train_on(world, *request); });
}

}  // namespace modr::tools
