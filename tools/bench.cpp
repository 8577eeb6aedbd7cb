// modr bench: finds the benchmark and runs it.
#include "tools/bench/bench.hpp"

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/nearest_name.hpp"
#include "tools/cli/command_line.hpp"
#include "tools/cli/commands.hpp"

namespace modr::tools {

namespace {

struct Benchmark {
  const char* name;
  const char* summary;
  int (*run)(int argc, char** argv);
};

constexpr Benchmark kBenchmarks[] = {
    {"train", "training steps, against what this machine can do; also under mpirun", run_bench_train},
    {"decode", "tokens/s of generation, against the rate at which weights can be read", run_bench_decode},
    {"kernels", "each op at the shapes of training, against what bounds it", run_bench_kernels},
    {"exchange", "what branches on different ranks and the pipeline cost, under mpirun", run_bench_exchange},
    {"checkpoint", "how fast checkpoints are written and read, against dd; also under mpirun", run_bench_checkpoint},
};

std::string about() {
  std::string text = "Measures on this machine and prints tables. WHAT is one of\n";
  for (const Benchmark& benchmark : kBenchmarks) text += fmt::format("  {:<10} {}\n", benchmark.name, benchmark.summary);
  return text + "`modr bench WHAT --help` tells its options.";
}

const Benchmark& find_benchmark(const std::string& name) {
  std::vector<std::string> names;
  for (const Benchmark& benchmark : kBenchmarks) {
    if (benchmark.name == name) return benchmark;
    names.emplace_back(benchmark.name);
  }
  throw UsageError(fmt::format("unknown benchmark '{}'{}", name, did_you_mean(name, names)));
}

}  // namespace

int run_bench(int argc, char** argv) {
  if (argc > 1 && argv[1][0] != '-') return find_benchmark(argv[1]).run(argc - 1, argv + 1);
  if (CommandLine("bench", "WHAT [options]", about()).parse(argc, argv)) {
    throw UsageError("expected WHAT to measure, e.g. train");
  }
  return 0;
}

}  // namespace modr::tools
