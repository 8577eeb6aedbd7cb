// modr bench decode: tokens/s of generation, against the rate at which this machine can read the weights.
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/philox.hpp"
#include "model/generate.hpp"
#include "tensor/storage.hpp"
#include "tools/bench/bench.hpp"
#include "tools/bench/memory.hpp"
#include "tools/bench/model.hpp"
#include "tools/bench/options.hpp"
#include "tools/bench/peaks.hpp"

namespace modr::tools {

namespace {

constexpr double giga = 1e9, percent = 100, ms = 1e3, kib = 1 << 10, gib = 1 << 30;

struct DecodeRequest {
  BenchModel model;
  int64_t num_steps = 16, prompt = 128, new_tokens = 16, warm_up = 1, repeats = 9;
  std::vector<int64_t> batches{1, 32};
  BenchFormat format = BenchFormat::text;
};

/// What one batch of sequences took.
struct DecodeTimes {
  double prompt_s = 0;
  std::vector<double> token_s;  // of one more token of every sequence
  double grown_bytes = 0;       // of the tensors' allocator, a token of every sequence
};

std::optional<DecodeRequest> parse_request(int argc, char** argv) {
  DecodeRequest request;
  BenchFormatOptions format;
  CommandLine line(
      "bench decode", "[options]",
      "Measures the bare peaks of this machine and then generation over a key-value cache: random prompts,\n"
      "and the time of each further token. Every token needs all weights once, and those of the core at\n"
      "every recurrence. Tables go to stdout, progress to stderr; medians are printed.");
  request.model.add_to(line);
  auto add = line.option();
  add("num-steps", positive_value("num-steps", request.num_steps), "recurrences a token");
  add("batch", numbers_value("batch", request.batches), "sequences side by side; one measurement each");
  add("prompt", positive_value("prompt", request.prompt), "tokens of each prompt");
  add("new-tokens", positive_value("new-tokens", request.new_tokens), "tokens that are measured");
  add("warm-up", count_value("warm-up", request.warm_up), "tokens before them");
  add("repeats", positive_value("repeats", request.repeats), "measurements of each peak");
  add_threads_option(line);
  format.add_to(line);
  if (!line.parse(argc, argv)) return std::nullopt;
  request.format = format.chosen();
  return request;
}

std::vector<Prompt> random_prompts(const DecodeRequest& request, int64_t batch) {
  PhiloxSequence rng(1, RandomStream::data);
  std::vector<Prompt> prompts(static_cast<std::size_t>(batch));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    prompts[i].sample = i;
    for (int64_t t = 0; t < request.prompt; ++t)
      prompts[i].tokens.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(request.model.vocab_size))));
  }
  return prompts;
}

double held_bytes(Device device) {
  if (const auto memory = own_memory(device)) return static_cast<double>(memory->held);
  const AllocatorStats stats = allocator_stats();
  return static_cast<double>(stats.in_use + stats.cached);
}

DecodeTimes time_decoding(const ModrModel& model, const DecodeRequest& request, int64_t batch) {
  const std::vector<Prompt> prompts = random_prompts(request, batch);
  GenerateOptions options;
  options.num_steps = request.num_steps;
  options.max_new_tokens = 1 + request.warm_up + request.new_tokens;
  DecodeTimes times;
  int64_t calls = 0;
  double held = 0;
  Stopwatch watch;
  generate(model, prompts, options, [&](const DecodeCall&, const DecodeResult&) {
    const double seconds = watch.seconds();
    if (calls == 0) times.prompt_s = seconds;
    if (calls > request.warm_up) times.token_s.push_back(seconds);
    if (calls == request.warm_up) held = held_bytes(model.type().device);
    ++calls;
    watch.reset();
  });
  times.grown_bytes = (held_bytes(model.type().device) - held) / static_cast<double>(request.new_tokens);
  return times;
}

/// The least time that reading the weights takes: those of the core at every recurrence, from where they fit.
struct ReadingFloor {
  double bytes = 0;      // a token of every sequence
  double core_rate = 0;  // bytes a second, over as much memory as the core's weights take
  double seconds = 0;
};

ReadingFloor reading_floor(const Communicator& world, const DecodeRequest& request, const ModelConfig& config,
                           const Peaks& peaks) {
  const PassWeights weights = count_pass_weights(config);
  const auto bytes_of = [&](int64_t values) {
    return static_cast<double>(values) * static_cast<double>(size_of(request.model.dtype));
  };
  const double core = bytes_of(weights.each_recurrence);
  const double rate = request.model.device.is_cuda()
                          ? peaks.read
                          : measure_read_rate(world, static_cast<std::size_t>(core), request.repeats);
  return {bytes_of(weights.values(request.num_steps)), rate,
          bytes_of(weights.once) / peaks.read + core * static_cast<double>(request.num_steps) / rate};
}

BenchTable decode_table(const DecodeRequest& request, const ReadingFloor& floor) {
  return {"decode",
          "Decoding",
          fmt::format("{}; {} recurrences, prompts of {} tokens, median of {} tokens. Every token reads {:.2f} GB of "
                      "weights; the least time for that is {:.1f} ms at this run's rates (the core's weights at {:.1f} "
                      "GB/s, the rate over as much memory as they take).",
                      request.model.text(), request.num_steps, request.prompt, request.new_tokens, floor.bytes / giga,
                      ms * floor.seconds, floor.core_rate / giga),
          {{"batch", "batch"},
           {"prompt_s", "prompts, s"},
           {"token_ms", "token, ms"},
           {"tokens_per_s", "tokens/s"},
           {"weights_gb_per_s", "weights read, GB/s"},
           {"read_percent", "of the rate, %"},
           {"gflop_per_s", "GFLOP/s"},
           {"grown_kib", "new memory, KiB a token"},
           {"peak_rss_gib", "memory, GiB"},
           {"peak_tensors_gib", "tensors, GiB"}},
          {}};
}

int bench_on(const Communicator& world, const DecodeRequest& request) {
  if (world.size() > 1) throw UsageError(fmt::format("expected one rank, found {}", world.size()));
  const ModelConfig config = request.model.config(request.prompt + 1 + request.warm_up + request.new_tokens);
  const Peaks peaks = measure_peaks(world, request.repeats, request.model);
  const ReadingFloor floor = reading_floor(world, request, config, peaks);
  ModrModel model(config, request.model.type(), Trainable::none);
  model.initialize(1);
  model.pack_weights({});
  BenchTable table = decode_table(request, floor);
  for (const int64_t batch : request.batches) {
    log("decoding {} sequences, {}", batch, request.model.text());
    reset_peak_rss();
    reset_most_tensor_bytes(request.model.device);
    const DecodeTimes times = time_decoding(model, request, batch);
    const double token = median(times.token_s);
    const double operations = 2 * static_cast<double>(batch * count_pass_weights(config).values(request.num_steps));
    table.rows.push_back({batch, times.prompt_s, ms * token, static_cast<double>(batch) / token,
                          floor.bytes / token / giga, percent * floor.seconds / token, operations / token / giga,
                          times.grown_bytes / kib, static_cast<double>(peak_rss_bytes()) / gib,
                          static_cast<double>(most_tensor_bytes(request.model.device)) / gib});
  }
  const BenchSettings settings{{"benchmark", "decode"},
                               {"dtype", std::string(name_of(request.model.dtype))},
                               {"threads", threads_in_use()},
                               {"n_embd", request.model.n_embd},
                               {"intermediate_size", request.model.intermediate_size},
                               {"num_steps", request.num_steps},
                               {"prompt", request.prompt},
                               {"new_tokens", request.new_tokens}};
  fmt::print("{}", format_tables(settings, {peaks_table(peaks), table}, request.format));
  return 0;
}

}  // namespace

int run_bench_decode(int argc, char** argv) {
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  return run_on_ranks("modr bench", [&](const Communicator& world) { return bench_on(world, *request); });
}

}  // namespace modr::tools
