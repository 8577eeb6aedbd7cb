// modr generate: continues a prompt.
#include "model/generate.hpp"

#include <cstdio>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agree.hpp"
#include "comm/launcher.hpp"
#include "dataset/prompt_template.hpp"
#include "eval/serve_branches.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/device_choice.hpp"
#include "tools/cli/model_loading.hpp"
#include "tools/cli/text_writer.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

constexpr int64_t max_num_steps = 10000;  // as model.mean_recurrence: the cache is made for all of them

struct Request {
  std::string checkpoint, prompt, cache, exit;
  LoadOptions how;
  int64_t num_steps = 0;  // 0: the model's mean_recurrence
  int64_t max_new_tokens = 256;
  uint64_t seed = 0;
  int64_t draft_steps = 0, draft_tokens = DraftSpec{}.tokens;  // 0 steps: no speculation
  bool continuous_compute = false, raw = false;
};

bool parse_request(int argc, char** argv, Request& request) {
  std::string dtype;
  CommandLine line("generate", "--checkpoint FILE --prompt TEXT [options]",
                   "Continues a prompt with the likeliest tokens. Text goes to stdout, numbers to stderr. The\n"
                   "ranks of mpirun or srun share the model's branches.");
  auto add = line.option();
  add("checkpoint", po::value(&request.checkpoint)->value_name("FILE"), "a checkpoint, or a run's folder");
  add("prompt", po::value(&request.prompt)->value_name("TEXT"), "the question, put as in training");
  add("raw", po::bool_switch(&request.raw), "the prompt is the beginning of a text, not a question");
  add("num-steps", po::value(&request.num_steps)->value_name("T"),
      "recurrences a token, at most (default: the mean in training)");
  add("max-new-tokens", po::value(&request.max_new_tokens)->default_value(request.max_new_tokens)->value_name("N"),
      "where to stop without an end of text");
  add("cache", po::value(&request.cache)->default_value("full")->value_name("POLICY"),
      cache_config_names);
  add("exit", po::value(&request.exit)->value_name("CRITERION[:X]"),
      "stop a token's recurrences early: entropy-diff, latent-diff, kl, minp-kl, cosine or argmax-stability, with "
      "another threshold than the usual one");
  add("continuous-compute", po::bool_switch(&request.continuous_compute),
      "start a token from the last state of the token before");
  add("draft-steps", po::value(&request.draft_steps)->value_name("T"),
      "self-speculation: draft with so few recurrences, check with all; the text stays the same");
  add("draft-tokens", po::value(&request.draft_tokens)->default_value(request.draft_tokens)->value_name("N"),
      "words drafted at a time");
  add("device", po::value(&request.how.device)->default_value("auto")->value_name("DEVICE"), device_names);
  add("dtype", po::value(&dtype)->value_name("TYPE"), "f32 or bf16 (default: as the model was trained)");
  add("tokenizer", po::value(&request.how.tokenizer)->value_name("FILE"), "in place of the one that the config names");
  add("seed", unsigned_value("seed", request.seed), "of the random initial states");
  if (!line.parse(argc, argv)) return false;
  for (const char* needed : {"checkpoint", "prompt"}) {
    if (!line.given(needed)) throw UsageError(fmt::format("expected --{}", needed));
  }
  request.how.dtype = parse_row_dtype(dtype);
  if (line.given("num-steps") && (request.num_steps < 1 || request.num_steps > max_num_steps)) {
    throw UsageError(fmt::format("--num-steps: expected a number from 1 to {}, found {}", max_num_steps,
                                 request.num_steps));
  }
  if (line.given("draft-steps") && request.draft_steps < 1)
    throw UsageError(fmt::format("--draft-steps: expected at least 1, found {}", request.draft_steps));
  if (request.max_new_tokens < 1) {
    throw UsageError(fmt::format("--max-new-tokens: expected at least 1, found {}", request.max_new_tokens));
  }
  return true;
}

GenerateOptions options_of(const Request& request) {
  GenerateOptions options;
  options.num_steps = request.num_steps;
  options.max_new_tokens = request.max_new_tokens;
  options.seed = request.seed;
  options.continuous_compute = request.continuous_compute;
  options.cache = parse_option("cache", [&] { return parse_cache_config(request.cache); });
  if (request.draft_steps > 0) options.draft = DraftSpec{request.draft_steps, request.draft_tokens};
  if (!request.exit.empty()) options.exit = parse_option("exit", [&] { return parse_exit_spec(request.exit); });
  return options;
}

void write_text(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    fail("cannot write to stdout");
  }
}

// Shows tokens as they come; what mpirun passes on, line by line.
class TextStream {
 public:
  explicit TextStream(const Tokenizer& tokenizer)
      : decoder_(tokenizer, true), writer_(write_text, detect_launch().by_mpi) {}
  void push(int32_t token) {
    writer_.push(decoder_.push(token));
    ++num_tokens_;
  }
  void finish(const std::vector<int32_t>& tokens) {
    while (num_tokens_ < tokens.size()) push(tokens[num_tokens_]);
    writer_.push(decoder_.finish());
    writer_.finish();
  }

 private:
  StreamDecoder decoder_;
  TextWriter writer_;
  std::size_t num_tokens_ = 0;
};

void print_numbers(const Generation& generation, double seconds) {
  const auto tokens = static_cast<double>(generation.tokens.size());
  const double steps = std::accumulate(generation.steps.begin(), generation.steps.end(), 0.0);
  log("{} tokens in {:.2f} s, {:.1f} tokens/s; {:.2f} recurrences a forward pass; {}", generation.tokens.size(),
      seconds, tokens / seconds, steps / static_cast<double>(generation.steps.size()),
      generation.stopped ? "ended by itself" : "ended by the limit");
  const std::vector<int64_t>& counts = generation.branch_counts;
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  std::string shares;
  for (const int64_t count : counts) shares += fmt::format(" {:.1f} %", 100 * static_cast<double>(count) / total);
  if (!counts.empty()) log("branches:{}", shares);
}

void generate_text(const Request& request, GenerateOptions options, const LoadedModel& loaded) {
  if (options.num_steps == 0) options.num_steps = loaded.config.model.mean_recurrence;
  const PromptTemplate prompts(loaded.config.data.prompt, loaded.tokenizer);
  options.stop_ids = {prompts.end_id()};
  const Prompt prompt{request.raw ? loaded.tokenizer.encode(request.prompt, true) : prompts.prompt(request.prompt)};
  TextStream stream(loaded.tokenizer);
  bool is_prompt = true;
  const Stopwatch watch;
  // The first call takes in the prompt, every later one the token that was chosen before.
  const auto show = [&](const DecodeCall& call, const DecodeResult&) {
    if (options.draft) return;  // drafts may be taken back: the text is shown at the end
    if (!std::exchange(is_prompt, false)) stream.push(call.ids->front());
  };
  const Generation generation = generate(*loaded.model, {&prompt, 1}, options, show).front();
  const double seconds = watch.seconds();
  stream.finish(generation.tokens);
  print_numbers(generation, seconds);
}

// One rank generates; the others, if there are any, keep their share of the branches at work for it.
int generate_on(const Communicator& world, const Request& request) {
  GenerateOptions options = options_of(request);
  std::optional<LoadedModel> loaded;
  const std::string file = agreed_checkpoint(world, request.checkpoint);
  run_agreed(world, [&] { loaded = load_model(file, request.how, world); });
  world.announce({.phase = "generation"});
  // Without branches to serve the others just wait for the text, however long it takes.
  if (!loaded->exchange) world.set_timeout(std::numeric_limits<double>::infinity());
  if (world.is_root()) generate_text(request, std::move(options), *loaded);
  if (loaded->exchange) serve_branches(*loaded->model, *loaded->exchange);
  return 0;
}

}  // namespace

int run_generate(int argc, char** argv) {
  Request request;
  if (!parse_request(argc, argv, request)) return 0;
  return run_on_ranks("modr generate", [&](const Communicator& world) { return generate_on(world, request); });
}

}  // namespace modr::tools
