// modr bench kernels: every op of the model at the shapes of training, through src/ops as the model calls it, against
// what bounds it: copying as many bytes, or the packed product.
#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "tools/bench/bench.hpp"
#include "tools/bench/kernel_cases.hpp"
#include "tools/bench/options.hpp"
#include "tools/bench/peaks.hpp"

namespace modr::tools {

namespace {

constexpr double giga = 1e9, percent = 100, us = 1e6;

struct KernelsRequest {
  KernelShapes shapes;
  std::string only;
  int64_t repeats = 9;
  BenchFormat format = BenchFormat::text;
};

std::optional<KernelsRequest> parse_request(int argc, char** argv) {
  KernelsRequest request;
  KernelShapes& shapes = request.shapes;
  BenchFormatOptions format;
  CommandLine line(
      "bench kernels", "[options]",
      "Measures the bare peaks of this machine and then each op, forward and backward, at the shapes of a\n"
      "training step. Tables go to stdout, progress to stderr; medians are printed.");
  shapes.model.add_to(line);
  auto add = line.option();
  add("sequences", positive_value("sequences", shapes.sequences), "sequences a microbatch");
  add("seq-len", positive_value("seq-len", shapes.seq_len), "tokens a sequence");
  add("lora-rank", positive_value("lora-rank", shapes.lora_rank), "rank of the adapters");
  add("only", boost::program_options::value(&request.only)->value_name("TEXT"), "ops whose name has TEXT in it");
  add("repeats", positive_value("repeats", request.repeats), "measurements of each case");
  add_threads_option(line);
  format.add_to(line);
  if (!line.parse(argc, argv)) return std::nullopt;
  request.format = format.chosen();
  return request;
}

struct KernelTimes {
  double op = 0;
  double copy = 0;  // of as many bytes as the op has to move
};

// In turn, so that a busy machine slows both.
KernelTimes time_case(const KernelCase& one, int64_t repeats, Device device) {
  const BenchCopy copy_bytes(static_cast<std::size_t>(one.bytes / 2), device);
  std::vector<double> op, copy;
  constexpr int64_t warm_up = 2;
  for (int64_t i = 0; i < warm_up + repeats; ++i) {
    const std::function<void()> run = one.prepare();
    synchronize(device);
    Stopwatch watch;
    run();
    synchronize(device);
    const double op_seconds = watch.seconds();
    copy_bytes();  // brings the buffers where they fit, as prepare() did with the op's rows
    watch.reset();
    copy_bytes();
    if (i < warm_up) continue;
    op.push_back(op_seconds);
    copy.push_back(watch.seconds());
  }
  return {median(std::move(op)), median(std::move(copy))};
}

std::vector<BenchValue> row_of(const KernelCase& one, const KernelTimes& times, double product_peak) {
  const double product = one.operations / product_peak;
  const bool by_memory = times.copy > product;
  return {one.op,
          one.shape,
          us * times.op,
          one.bytes / times.op / giga,
          one.operations > 0 ? BenchValue(one.operations / times.op / giga) : BenchValue(),
          by_memory ? "copy" : "product",
          us * std::max(times.copy, product),
          percent * std::max(times.copy, product) / times.op};
}

BenchTable kernels_table(const KernelsRequest& request, const Peaks& peaks) {
  BenchTable table{"kernels",
                   "Ops",
                   fmt::format("{}, {} x {} tokens; median of {}. The floor is the longer of copying as many bytes in "
                               "the same turn and of the packed {} product at {}^3; the ratio is floor to time.",
                               request.shapes.model.text(), request.shapes.sequences, request.shapes.seq_len,
                               request.repeats, name_of(request.shapes.model.dtype), peaks.reference),
                   {{"op", "op"},
                    {"shape", "shape"},
                    {"time_us", "time, us"},
                    {"gb_per_s", "GB/s"},
                    {"gflop_per_s", "GFLOP/s"},
                    {"bound", "bound by"},
                    {"floor_us", "floor, us"},
                    {"floor_percent", "of the floor, %"}},
                   {}};
  for (const KernelCase& one : kernel_cases(request.shapes)) {
    if (one.op.find(request.only) == std::string::npos) continue;
    log("{} {}", one.op, one.shape);
    table.rows.push_back(row_of(one, time_case(one, request.repeats, request.shapes.model.device),
                                peaks.product(request.shapes.model.dtype)));
  }
  return table;
}

int bench_on(const Communicator& world, const KernelsRequest& request) {
  if (world.size() > 1) throw UsageError(fmt::format("expected one rank, found {}", world.size()));
  request.shapes.model.config(request.shapes.seq_len);  // which checks the sizes
  const Peaks peaks = measure_peaks(world, request.repeats, request.shapes.model);
  const BenchSettings settings{{"benchmark", "kernels"},
                               {"dtype", std::string(name_of(request.shapes.model.dtype))},
                               {"threads", threads_in_use()},
                               {"repeats", request.repeats}};
  fmt::print("{}", format_tables(settings, {peaks_table(peaks), kernels_table(request, peaks)}, request.format));
  return 0;
}

}  // namespace

int run_bench_kernels(int argc, char** argv) {
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  return run_on_ranks("modr bench", [&](const Communicator& world) { return bench_on(world, *request); });
}

}  // namespace modr::tools
