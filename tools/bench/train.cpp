// modr bench train: whole training steps, against the packed product that this machine can do.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/integer.hpp"
#include "base/log.hpp"
#include "optim/grad_clip.hpp"
#include "tensor/storage.hpp"
#include "tools/bench/bench.hpp"
#include "tools/bench/memory.hpp"
#include "tools/bench/model.hpp"
#include "tools/bench/options.hpp"
#include "tools/bench/peaks.hpp"
#include "tools/bench/steps.hpp"

namespace modr::tools {

namespace po = boost::program_options;

namespace {

constexpr double giga = 1e9, tera = 1e12, percent = 100, gib = 1 << 30;

struct TrainRequest {
  BenchModel model;
  TrainMode mode = TrainMode::pretrain;
  RouteUnit unit = RouteUnit::sequence;
  Recompute recompute = Recompute::none;
  int64_t branches = 4, lora_rank = 16;
  int64_t no_grad = 8, with_grad = 4;
  int64_t sequences = 2, seq_len = 1024;
  int64_t steps = 3, warm_up = 1, repeats = 9;
  bool phases = false;
  BenchFormat format = BenchFormat::text;
};

// An option whose value has a name; `value` holds its default.
template <typename T, typename Parse>
po::typed_value<std::string>* named_value(const std::string& option, T& value, Parse parse) {
  const auto store = [option, &value, parse](const std::string& name) {
    value = parse_option(option, [&] { return parse(name); });
  };
  return po::value<std::string>()->value_name("NAME")->default_value(std::string(name_of(value)))->notifier(store);
}

std::optional<TrainRequest> parse_request(int argc, char** argv) {
  TrainRequest request;
  BenchFormatOptions format;
  CommandLine line(
      "bench train", "[options]",
      "Measures the bare peaks of this machine and then whole training steps over random tokens: forward\n"
      "with loss, backward, clipping and AdamW, at a fixed depth. Under mpirun or srun the sequences of a\n"
      "step are dealt to the ranks. Tables go to stdout, progress to stderr; medians are printed.");
  request.model.add_to(line);
  auto add = line.option();
  add("mode", named_value("mode", request.mode, parse_train_mode),
      "pretrain (all parameters), lora (one adapter) or modr (branches and router); the last two over a frozen "
      "backbone");
  add("unit", named_value("unit", request.unit, parse_route_unit), "what is routed in modr: sequence or token");
  add("branches", positive_value("branches", request.branches), "branches in modr");
  add("lora-rank", positive_value("lora-rank", request.lora_rank), "rank of the adapters");
  add("no-grad", count_value("no-grad", request.no_grad), "recurrences without gradient");
  add("with-grad", positive_value("with-grad", request.with_grad), "recurrences with gradient");
  add("sequences", positive_value("sequences", request.sequences), "sequences a step, over all ranks");
  add("seq-len", positive_value("seq-len", request.seq_len), "tokens a sequence");
  add("recompute", named_value("recompute", request.recompute, parse_recompute), "what is computed again in backward");
  add("steps", positive_value("steps", request.steps), "steps that are measured");
  add("warm-up", count_value("warm-up", request.warm_up), "steps before them");
  add("repeats", positive_value("repeats", request.repeats), "measurements of each peak");
  add("phases", po::bool_switch(&request.phases), "measures the parts of a step too, in one more step (on one rank)");
  add_threads_option(line);
  format.add_to(line);
  if (!line.parse(argc, argv)) return std::nullopt;
  request.format = format.chosen();
  return request;
}

TrainJob job_of(const TrainRequest& request, int64_t ranks) {
  TrainJob job;
  job.name = "bench";
  job.model = request.model.config(request.seq_len);
  job.model.branches.n_branches = request.mode == TrainMode::pretrain ? 0
                                  : request.mode == TrainMode::lora   ? 1
                                                                      : request.branches;
  job.model.branches.unit = request.unit;
  job.model.branches.lora_rank = request.lora_rank;
  job.model.branches.lora_alpha = 2 * static_cast<double>(request.lora_rank);
  job.train.mode = request.mode;
  job.train.trainable = request.mode == TrainMode::pretrain ? Trainable::all : Trainable::branches;
  job.train.recompute = request.recompute;
  job.train.dtype = request.model.dtype;
  job.device = request.model.device;
  job.train.global_batch = request.sequences;
  job.train.microbatch = ceil_div(request.sequences, ranks);
  job.train.num_steps_no_grad = request.no_grad;
  job.train.num_steps_with_grad = request.with_grad;
  return job;
}

StepOperations operations_of(const TrainRequest& request, const TrainJob& job) {
  return count_operations(job.model, request.sequences, request.seq_len, {request.no_grad, request.with_grad},
                          job.train.trainable);
}

BenchTable step_table(const Communicator& world, const TrainRequest& request, BenchSteps& steps, const Peaks& peaks) {
  std::vector<double> seconds = time_calls(
      world, [&] { steps.run(); }, request.warm_up, request.steps);
  const double step = median(std::move(seconds));
  const double operations = operations_of(request, steps.job()).total();
  const double peak = peaks.product(request.model.dtype);
  BenchTable table{
      "step",
      "Training step",
      fmt::format(
          "{}; {} sequences of {} tokens, {} recurrences without and {} with gradient; median of {}. Operations "
          "are those of products, counted once; the ratio is to the packed {} product at {}^3. Memory is the "
          "largest rank's.",
          request.model.text(), request.sequences, request.seq_len, request.no_grad, request.with_grad, request.steps,
          name_of(request.model.dtype), peaks.reference),
      {{"mode", "mode"},
       {"unit", "unit"},
       {"ranks", "ranks"},
       {"threads", "threads a rank"},
       {"step_s", "step, s"},
       {"tokens_per_s", "tokens/s"},
       {"step_tflop", "TFLOP"},
       {"gflop_per_s", "GFLOP/s"},
       {"peak_percent", "of the peak, %"},
       {"peak_rss_gib", "memory, GiB"},
       {"peak_tensors_gib", "tensors, GiB"}},
      {}};
  const BenchValue unit =
      request.mode == TrainMode::modr ? BenchValue(std::string(name_of(request.unit))) : BenchValue("-");
  table.rows.push_back(
      {std::string(name_of(request.mode)), unit, int64_t{world.size()}, threads_in_use(), step,
       static_cast<double>(request.sequences * request.seq_len) / step, operations / tera, operations / step / giga,
       percent * operations / step / peak,
       static_cast<double>(world.all_reduced(peak_rss_bytes(), ReduceOp::max)) / gib,
       static_cast<double>(world.all_reduced(int64_t(most_tensor_bytes(request.model.device)), ReduceOp::max)) / gib});
  return table;
}

struct PhaseTimes {
  double packing = 0, no_grad = 0, forward = 0, backward = 0, optimizer = 0;
};

// The parts of a step, one after the other, on the step's own code.
PhaseTimes time_phases(const TrainRequest& request, BenchSteps& steps, const TrainData& data) {
  const TrainJob& job = steps.job();
  ModrModel& model = *steps.shard().model;
  StepPlan plan = steps.next_plan();
  const std::vector<Microbatch> batches{plan.samples};
  Stopwatch watch;
  const auto lap = [&] {
    synchronize(job.device);
    return std::exchange(watch, Stopwatch()).seconds();
  };
  const auto forward = [&] {
    return ModelStage(job, data, model, plan, batches, 1.0 / static_cast<double>(request.sequences * request.seq_len))
        .forward(0, {});
  };
  PhaseTimes times;
  model.pack_weights({true, job.parallel.merge_up_to});
  times.packing = lap();
  const Variable loss = forward();
  const double all_recurrences = lap();
  backward(loss);
  times.backward = lap();
  clip_gradients(model.parameters(), grad_norm(model.parameters()), job.optim.clip_norm);
  steps.shard().optimizer->step(job.optim.lr);
  times.optimizer = lap();
  model.pack_weights({true, job.parallel.merge_up_to});
  plan.depth.num_steps_no_grad = 0;
  lap();
  forward();
  times.forward = lap();
  times.no_grad = all_recurrences - times.forward;
  return times;
}

BenchTable phase_table(const TrainRequest& request, BenchSteps& steps, const TrainData& data, const Peaks& peaks) {
  const PhaseTimes times = time_phases(request, steps, data);
  const StepOperations operations = operations_of(request, steps.job());
  const double peak = peaks.product(request.model.dtype);
  BenchTable table{"phases",
                   "Parts of a training step",
                   "One step by itself. Recurrences without gradient are the difference of two forward passes; the "
                   "head's gradients are made with the loss.",
                   {{"phase", "part"},
                    {"seconds", "s"},
                    {"tflop", "TFLOP"},
                    {"gflop_per_s", "GFLOP/s"},
                    {"peak_percent", "of the peak, %"}},
                   {}};
  const auto add = [&](const char* name, double seconds, double count) {
    if (count <= 0) return table.rows.push_back({name, seconds, BenchValue(), BenchValue(), BenchValue()});
    table.rows.push_back({name, seconds, count / tera, count / seconds / giga, percent * count / seconds / peak});
  };
  add("packing weights", times.packing, 0);
  add("recurrences without gradient", times.no_grad, operations.no_grad);
  add("forward with gradient, loss", times.forward, operations.with_grad + operations.head_gradients);
  add("backward", times.backward, operations.backward);
  add("clipping and AdamW", times.optimizer, 0);
  return table;
}

BenchSettings settings_of(const Communicator& world, const TrainRequest& request) {
  return {{"benchmark", "train"},
          {"mode", std::string(name_of(request.mode))},
          {"dtype", std::string(name_of(request.model.dtype))},
          {"ranks", int64_t{world.size()}},
          {"threads", threads_in_use()},
          {"n_embd", request.model.n_embd},
          {"intermediate_size", request.model.intermediate_size},
          {"sequences", request.sequences},
          {"seq_len", request.seq_len},
          {"num_steps_no_grad", request.no_grad},
          {"num_steps_with_grad", request.with_grad},
          {"steps", request.steps}};
}

int bench_on(const Communicator& world, const TrainRequest& request) {
  if (request.sequences < world.size())
    throw UsageError(
        fmt::format("--sequences: expected at least one a rank, {}, found {}", world.size(), request.sequences));
  if (request.phases && world.size() > 1)
    throw UsageError(fmt::format("--phases: expected one rank, found {}", world.size()));
  const TrainJob job = job_of(request, world.size());
  const Peaks peaks = measure_peaks(world, request.repeats, request.model);
  reset_peak_rss();
  reset_most_tensor_bytes(request.model.device);
  log("{} {}, {} x {} tokens", name_of(request.mode), request.model.text(), request.sequences, request.seq_len);
  const TrainData data = random_tokens(request.sequences, request.seq_len, job.model.vocab_size);
  BenchSteps steps(world, job, data);
  std::vector<BenchTable> tables{peaks_table(peaks), step_table(world, request, steps, peaks)};
  if (request.phases) tables.push_back(phase_table(request, steps, data, peaks));
  if (world.is_root()) fmt::print("{}", format_tables(settings_of(world, request), tables, request.format));
  return 0;
}

}  // namespace

int run_bench_train(int argc, char** argv) {
  const auto request = parse_request(argc, argv);
  if (!request) return 0;
  return run_on_ranks("modr bench", [&](const Communicator& world) { return bench_on(world, *request); });
}

}  // namespace modr::tools
