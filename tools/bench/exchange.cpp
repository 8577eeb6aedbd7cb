// modr bench exchange: what branches on different ranks cost, part by part, on the ranks of the job.
#include "tools/bench/exchange.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "tools/bench/bench.hpp"
#include "tools/bench/options.hpp"
#include "tools/cli/command_line.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

struct Part {
  const char* name;
  int min_ranks;
  BenchTable (*run)(const Communicator& world, const ExchangeBench& options);
};

constexpr Part kParts[] = {
    {"exchange", 2, bench_rows},
    {"overlap", 2, bench_overlap},
    {"placement", 2, bench_placement},
    {"pipeline", 3, bench_pipeline},
};

struct ExchangeRequest {
  ExchangeBench options;
  std::vector<Part> parts;
  BenchFormat format = BenchFormat::text;
};

std::vector<Part> parse_parts(const std::string& list) {
  std::vector<Part> parts;
  for (const std::string_view name : split(list, ',')) {
    const std::size_t before = parts.size();
    for (const Part& part : kParts)
      if (name == part.name || name == "all") parts.push_back(part);
    if (parts.size() == before)
      throw UsageError(
          fmt::format("--parts: expected exchange, overlap, placement, pipeline or all, found '{}'", name));
  }
  return parts;
}

std::optional<ExchangeRequest> parse_request(int argc, char** argv) {
  ExchangeRequest request;
  ExchangeBench& options = request.options;
  std::string parts = "all";
  BenchFormatOptions format;
  CommandLine line("bench exchange", "[options]",
                   "Measures on the ranks of mpirun or srun what branches on different ranks cost:\n"
                   "  exchange   rows to their branches and home, against a bare MPI_Alltoallv of the same bytes\n"
                   "  overlap    the exchange of half the rows while a product runs, against one after the other\n"
                   "  placement  training steps with branches replicated and exchanged\n"
                   "  pipeline   training steps through stages: the measured and the theoretical bubble\n"
                   "Tables go to stdout, progress to stderr. What is compared takes turns; medians are printed, and\n"
                   "ratios are medians of ratios of neighbouring measurements.");
  auto add = line.option();
  add("parts", po::value(&parts)->default_value(parts)->value_name("NAME,..."), "what to measure");
  add("sizes", numbers_value("sizes", options.sizes_kib), "KiB of rows on each rank, for exchange and overlap");
  add("repeats", positive_value("repeats", options.pace.repeats), "measurements of each case");
  add("branches", numbers_value("branches", options.branches), "numbers of branches, for placement");
  add("n-embd", positive_value("n-embd", options.n_embd), "floats a row, and the model's width; a multiple of 32");
  add("seq-len", positive_value("seq-len", options.seq_len), "tokens a sequence");
  add("sequences", positive_value("sequences", options.sequences), "sequences a microbatch");
  add("recurrences", positive_value("recurrences", options.recurrences),
      "recurrences a step, the later half of them with gradient");
  add("lora-rank", positive_value("lora-rank", options.lora_rank), "rank of the branches' adapters");
  add("microbatches", positive_value("microbatches", options.microbatches),
      "microbatches of a pipeline's step for each rank of the recurrence; a step without stages has one a rank");
  format.add_to(line);
  if (!line.parse(argc, argv)) return std::nullopt;
  if (options.n_embd % 32 != 0)
    throw UsageError(fmt::format("--n-embd: expected a multiple of 32, found {}", options.n_embd));
  request.parts = parse_parts(parts);
  request.format = format.chosen();
  return request;
}

BenchSettings settings_of(const Communicator& world, const ExchangeBench& options) {
  return {{"benchmark", "exchange"},
          {"ranks", int64_t{world.size()}},
          {"cores", int64_t{std::thread::hardware_concurrency()}},
          {"repeats", options.pace.repeats},
          {"n_embd", options.n_embd},
          {"seq_len", options.seq_len},
          {"sequences", options.sequences},
          {"recurrences", options.recurrences},
          {"lora_rank", options.lora_rank}};
}

int bench_on(const Communicator& world, const ExchangeRequest& request) {
  if (world.size() < 2)
    throw UsageError("expected at least 2 ranks, found 1: mpirun -n N modr bench exchange, or launch/bench_exchange");
  const Stopwatch watch;
  log("{} ranks on {} cores", world.size(), std::thread::hardware_concurrency());
  std::vector<BenchTable> tables;
  for (const Part& part : request.parts) {
    if (world.size() >= part.min_ranks)
      tables.push_back(part.run(world, request.options));
    else
      log("{}: left out, it needs {} ranks", part.name, part.min_ranks);
  }
  log("measured in {}", format_duration(watch.seconds()));
  if (world.is_root()) fmt::print("{}", format_tables(settings_of(world, request.options), tables, request.format));
  return 0;
}

}  // namespace

int run_bench_exchange(int argc, char** argv) {
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  return run_on_ranks("modr bench", [&](const Communicator& world) { return bench_on(world, *request); });
}

}  // namespace modr::tools
