// modr bench exchange, whole training steps: where branches live, and the pipeline.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/log.hpp"
#include "tools/bench/exchange.hpp"
#include "tools/bench/steps.hpp"

namespace modr::tools {

namespace {

constexpr double ms = 1e3;
constexpr double percent = 100;
constexpr int64_t vocab_size = 256;

ModelConfig bench_model(const ExchangeBench& options, int64_t n_branches) {
  ModelConfig model;
  model.n_embd = options.n_embd;
  model.n_heads = options.n_embd / 32;
  model.intermediate_size = options.n_embd * 11 / 4;
  model.vocab_size = vocab_size;
  model.block_size = options.seq_len;
  model.branches.n_branches = n_branches;
  model.branches.lora_rank = options.lora_rank;
  model.branches.lora_alpha = 2 * static_cast<double>(options.lora_rank);
  return model;
}

TrainJob bench_job(const ExchangeBench& options, int64_t n_branches, int64_t microbatches) {
  TrainJob job;
  job.name = "bench";
  job.model = bench_model(options, n_branches);
  job.train.mode = n_branches > 1 ? TrainMode::modr : n_branches == 1 ? TrainMode::lora : TrainMode::pretrain;
  job.train.trainable = n_branches > 0 ? Trainable::branches : Trainable::all;
  job.train.microbatch = options.sequences;
  job.train.global_batch = options.sequences * microbatches;
  job.train.num_steps_no_grad = options.recurrences / 2;
  job.train.num_steps_with_grad = options.recurrences - options.recurrences / 2;
  return job;
}

std::vector<BenchValue> placement_row(const Communicator& world, const ExchangeBench& options, const TrainData& data,
                                      RouteUnit unit, int64_t n_branches) {
  log("placement: unit {}, {} branches", name_of(unit), n_branches);
  TrainJob job = bench_job(options, n_branches, world.size());
  job.model.branches.unit = unit;
  BenchSteps replicate(world, job, data);
  const auto run_replicate = [&] { replicate.run(); };
  std::vector<BenchValue> row{int64_t{world.size()}, std::string(name_of(unit)), n_branches};
  if (!job.model.branches.has_router()) {
    const BenchTimes times = time_in_turn(world, {run_replicate}, options.pace);
    row.insert(row.end(), {BenchValue{}, ms * median(times[0]), BenchValue{}, BenchValue{}, BenchValue{}});
    return row;
  }
  job.parallel.placement = Placement::exchange;
  BenchSteps exchange(world, job, data);
  const BenchTimes times = time_in_turn(world, {run_replicate, [&] { exchange.run(); }}, options.pace);
  row.insert(row.end(), {exchange.grid().branch, ms * median(times[0]), ms * median(times[1]),
                         median_ratio(times[1], times[0]), exchange.mean_kib()});
  return row;
}

std::vector<BenchValue> pipeline_row(const Communicator& world, const ExchangeBench& options, const BenchSteps& steps,
                                     PipelineOrder order, const std::vector<double>& seconds) {
  std::vector<double> measured, theoretical;
  for (const Bubble& bubble : steps.bubbles()) {
    measured.push_back(bubble.measured);
    theoretical.push_back(bubble.theoretical);
  }
  const StageRanks& stages = steps.grid().stages;
  return {int64_t{world.size()},        fmt::format("{}+{}+{}", stages.prelude, stages.recurrence, stages.coda),
          std::string(name_of(order)),  options.microbatches * stages.recurrence,
          ms * median(seconds),         percent * median(measured),
          percent * median(theoretical)};
}

std::string model_note(const ExchangeBench& options) {
  return fmt::format("n_embd {}, sequences of {} tokens, {} a microbatch, {} recurrences", options.n_embd,
                     options.seq_len, options.sequences, options.recurrences);
}

}  // namespace

BenchTable bench_placement(const Communicator& world, const ExchangeBench& options) {
  BenchTable table{"placement",
                   "Training step with branches replicated and exchanged",
                   fmt::format("{}, one microbatch a rank, frozen backbone, LoRA rank {}; median of {}. One branch has "
                               "nothing to exchange. `ranks a group` share the branches among them.",
                               model_note(options), options.lora_rank, options.pace.repeats),
                   {{"ranks", "ranks"},
                    {"unit", "unit"},
                    {"branches", "branches"},
                    {"branch_ranks", "ranks a group"},
                    {"replicate_ms", "replicate, ms"},
                    {"exchange_ms", "exchange, ms"},
                    {"ratio", "ratio"},
                    {"sent_kib", "sent, KiB a rank"}},
                   {}};
  const TrainData data = random_tokens(options.sequences * world.size(), options.seq_len, vocab_size);
  for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token})
    for (const int64_t branches : options.branches)
      table.rows.push_back(placement_row(world, options, data, unit, branches));
  return table;
}

BenchTable bench_pipeline(const Communicator& world, const ExchangeBench& options) {
  BenchTable table{
      "pipeline",
      "Training step through a pipeline",
      fmt::format("{}, everything trained; median of {}. The theoretical bubble is the schedule's, for the "
                  "stages' mean times as measured.",
                  model_note(options), options.pace.repeats),
      {{"ranks", "ranks"},
       {"stages", "stages"},
       {"order", "order"},
       {"microbatches", "microbatches"},
       {"step_ms", "step, ms"},
       {"measured_percent", "bubble measured, %"},
       {"theoretical_percent", "theoretical, %"}},
      {}};
  const int64_t recurrence = world.size() - 2;
  const TrainData data =
      random_tokens(options.sequences * options.microbatches * recurrence, options.seq_len, vocab_size);
  constexpr PipelineOrder orders[] = {PipelineOrder::one_f_one_b, PipelineOrder::gpipe};
  std::vector<std::unique_ptr<BenchSteps>> steps;
  std::vector<BenchCase> cases;
  for (const PipelineOrder order : orders) {
    TrainJob job = bench_job(options, 0, options.microbatches * recurrence);
    job.parallel.stages = {1, recurrence, 1};
    job.parallel.schedule = order;
    steps.push_back(std::make_unique<BenchSteps>(world, job, data));
    cases.push_back([each = steps.back().get()] { each->run(); });
  }
  log("pipeline: stages 1+{}+1, {} microbatches", recurrence, options.microbatches * recurrence);
  const BenchTimes times = time_in_turn(world, cases, options.pace);
  for (std::size_t i = 0; i < steps.size(); ++i)
    table.rows.push_back(pipeline_row(world, options, *steps[i], orders[i], times[i]));
  return table;
}

}  // namespace modr::tools
