// modr eval: scores one or more checkpoints on tasks, on all ranks of the job.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "comm/agree.hpp"
#include "eval/evaluation.hpp"
#include "eval/report.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/device_choice.hpp"
#include "tools/cli/model_loading.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

struct NamedCheckpoint {
  std::string label, file;  // no label: the run's name
};

struct EvalRequest {
  std::vector<NamedCheckpoint> checkpoints;
  LoadOptions how;
  int64_t branch = 1;
  double timeout_s = 600;
  EvalConfig config;
  bool quiet = false;
};

// "a,b" given any number of times is one list.
std::vector<std::string> split_lists(const std::string& option, const std::vector<std::string>& values) {
  std::vector<std::string> parts;
  for (const std::string& list : values)
    for (const std::string_view part : split(list, ',')) {
      if (part.empty()) throw UsageError(fmt::format("--{}: an entry of the list is empty", option));
      parts.emplace_back(part);
    }
  return parts;
}

int64_t parse_steps(const std::string& text) {
  int64_t steps = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), steps);
  if (error != std::errc() || end != text.data() + text.size())
    throw UsageError(fmt::format("--num-steps: expected whole numbers such as 1,4,16, found '{}'", text));
  return steps;
}

// "label=file" or "file".
NamedCheckpoint parse_checkpoint(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || text.substr(0, equals).find('/') != std::string::npos) return {"", text};
  if (equals == 0 || equals + 1 == text.size())
    throw UsageError(fmt::format("--checkpoint: expected LABEL=FILE, found '{}'", text));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// The config's checks name its fields ("eval.max_new_tokens: ..."); here they are options ("--max-new-tokens: ...").
void validate_options(const EvalConfig& config) {
  try {
    config.validate();
  } catch (const Error& error) {
    std::string text = error.what();
    constexpr std::string_view section = "eval.";
    if (!text.starts_with(section)) throw;
    text.replace(0, section.size(), "--");
    std::replace(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(text.find(':'), text.size())), '_',
                 '-');
    throw UsageError(text);
  }
}

std::optional<EvalRequest> parse_request(int argc, char** argv) {
  EvalRequest request;
  EvalConfig& config = request.config;
  std::vector<std::string> checkpoints, tasks, num_steps;
  std::string choices, dtype;
  CommandLine line("eval", "--checkpoint FILE --data DIR [options]",
                   "Scores models on tasks: a table to stdout, progress to stderr. Runs on all ranks of mpirun or "
                   "srun.");
  auto add = line.option();
  add("checkpoint", po::value(&checkpoints)->value_name("[LABEL=]FILE,..."),
      "checkpoints or folders of runs, to be shown side by side");
  add("data", po::value(&config.data)->value_name("DIR"),
      "folder of the tasks' files: NAME/test.json[l], test/NAME.jsonl or NAME.json[l]");
  add("tasks", po::value(&tasks)->default_value({"all"}, "all")->value_name("NAME,..."), "tasks in that folder");
  add("num-steps", po::value(&num_steps)->value_name("T,..."),
      "numbers of recurrences (default: each model's mean in training)");
  add("output", po::value(&config.output)->value_name("DIR"), "folder for summary.json and samples.jsonl");
  add("limit", po::value(&config.limit)->default_value(config.limit)->value_name("N"),
      "only the first N problems of each task; 0: all");
  add("batch", po::value(&config.batch)->default_value(config.batch)->value_name("N"), "problems answered at a time");
  add("max-new-tokens", po::value(&config.max_new_tokens)->default_value(config.max_new_tokens)->value_name("N"),
      "where an answer is cut");
  add("cache", po::value(&config.cache)->default_value(config.cache)->value_name("POLICY"),
      cache_config_names);
  add("exit", po::value(&config.exit)->value_name("CRITERION[:X]"), "stop a token's recurrences early");
  add("choices", po::value(&choices)->default_value("auto")->value_name("HOW"),
      "decide between choices by their likelihood or from generated text (generate)");
  add("length-normalise", po::bool_switch(&config.length_normalise), "take a choice's likelihood per token");
  add("device", po::value(&request.how.device)->default_value("auto")->value_name("DEVICE"), device_names);
  add("dtype", po::value(&dtype)->value_name("TYPE"), "f32 or bf16 (default: as the model was trained)");
  add("tokenizer", po::value(&request.how.tokenizer)->value_name("FILE"), "in place of the one that the config names");
  add("seed", unsigned_value("seed", config.seed), "of the random initial states");
  add("branch", po::value(&request.branch)->default_value(request.branch)->value_name("B"),
      "the model's branches live on B ranks, which share them; divides the number of ranks");
  add("timeout", po::value(&request.timeout_s)->default_value(request.timeout_s, "600")->value_name("SECONDS"),
      "a rank that keeps the others waiting for longer ends the job; allow for one batch of problems at least");
  add("quiet", po::bool_switch(&request.quiet), "no lines of progress");
  if (!line.parse(argc, argv)) return std::nullopt;
  for (const char* needed : {"checkpoint", "data"})
    if (!line.given(needed)) throw UsageError(fmt::format("expected --{}", needed));
  for (const std::string& text : split_lists("checkpoint", checkpoints))
    request.checkpoints.push_back(parse_checkpoint(text));
  config.tasks = split_lists("tasks", tasks);
  for (const std::string& text : split_lists("num-steps", num_steps)) config.num_steps.push_back(parse_steps(text));
  request.how.dtype = parse_row_dtype(dtype);
  config.choices = parse_option("choices", [&] { return parse_choice_scoring(choices); });
  validate_options(config);
  if (request.branch < 1) throw UsageError(fmt::format("--branch: expected at least 1, found {}", request.branch));
  if (!(request.timeout_s > 0))
    throw UsageError(fmt::format("--timeout: expected a positive number of seconds, found {}", request.timeout_s));
  return request;
}

// A label that no other result has.
std::string unique_label(std::string label, const std::vector<ModelResult>& others) {
  const auto taken = [&](const std::string& name) {
    return std::ranges::find(others, name, &ModelResult::label) != others.end();
  };
  std::string unique = label;
  for (int number = 2; taken(unique); ++number) unique = fmt::format("{}#{}", label, number);
  return unique;
}

// Loads a checkpoint on every rank, scores it, and lets go of it.
ModelResult evaluate_checkpoint(const Communicator& world, const NamedCheckpoint& checkpoint,
                                const EvalRequest& request, const std::vector<Task>& tasks,
                                const std::vector<ModelResult>& before) {
  const auto group = static_cast<int>(world.rank() / request.branch);
  const Communicator sharers = request.branch == 1 ? Communicator::self() : world.split(group, 0, "branch");
  std::optional<LoadedModel> loaded;
  const std::string file = agreed_checkpoint(world, checkpoint.file);
  run_agreed(world, [&] { loaded = load_model(file, request.how, sharers); });
  const std::string label = unique_label(checkpoint.label.empty() ? loaded->config.name : checkpoint.label, before);
  const ModelUnderTest model{label, *loaded->model, loaded->tokenizer, loaded->config.data.prompt,
                             loaded->exchange.get(), loaded->trained_parameters};
  return evaluate(world, model, tasks, request.config, request.quiet);
}

int evaluate_all(const Communicator& world, const EvalRequest& request) {
  if (world.size() % request.branch != 0)
    throw UsageError(fmt::format("--branch: expected a divisor of the job's {} ranks, found {}", world.size(),
                                 request.branch));
  world.set_timeout(request.timeout_s);
  std::vector<Task> tasks;
  run_agreed(world, [&] {
    tasks = load_tasks(request.config);
    if (world.is_root() && !request.config.output.empty()) make_output_folder(request.config.output);
  });
  std::vector<ModelResult> results;
  ReportContext context{{}, world.size()};
  for (const NamedCheckpoint& checkpoint : request.checkpoints) {
    results.push_back(evaluate_checkpoint(world, checkpoint, request, tasks, results));
    context.checkpoints.push_back(checkpoint.file);
  }
  run_agreed(world, [&] {
    if (!world.is_root()) return;
    if (!request.config.output.empty()) write_report(results, tasks, request.config, context);
    fmt::print("{}", to_table(results));
    flush_stdout();
  });
  if (!request.config.output.empty()) log("wrote summary.json and samples.jsonl to {}", request.config.output);
  return 0;
}

}  // namespace

int run_eval(int argc, char** argv) {
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  return run_on_ranks("modr eval", [&](const Communicator& world) { return evaluate_all(world, *request); });
}

}  // namespace modr::tools
