#include "train/trainer.hpp"

#include <algorithm>
#include <array>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process_memory.hpp"
#include "checkpoint/durable_file.hpp"
#include "comm/agree.hpp"
#include "comm/launcher.hpp"
#include "kernels/api/attention.hpp"
#include "train/checkpointer.hpp"
#include "train/interruption.hpp"
#include "train/memory_plan.hpp"
#include "train/metrics.hpp"
#include "train/preflight.hpp"
#include "train/shared_folder_check.hpp"
#include "train/train_step.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {

namespace {

// Parameters of the whole model, each counted on the rank that answers for it.
std::array<int64_t, 2> count_parameters(const Shard& shard) {
  std::array<int64_t, 2> trained_and_frozen{0, 0};
  for (const Parameter& parameter : shard.model->parameters())
    if (shard.answers_for(parameter.name))
      trained_and_frozen[parameter.variable.requires_grad() ? 0 : 1] += parameter.variable.value().numel();
  shard.grid.world().all_reduce(std::span(trained_and_frozen));
  return trained_and_frozen;
}

void describe(const TrainJob& job, const TrainData& data, const Shard& shard) {
  const auto [trained, frozen] = count_parameters(shard);
  log("{}: mode {}, {} trained and {} frozen parameters, {} rows of {} tokens, {} steps of {} sequences", job.name,
      name_of(job.train.mode), trained, frozen, data.set.rows.size(), data.set.num_tokens, job.train.steps,
      job.train.global_batch);
  if (shard.grid.world().size() == 1) return;
  log("grid: {}{}", shard.grid.shape().describe(),
      job.model.branches.has_router() ? fmt::format(", branches placed by {}", name_of(shard.placement)) : "");
}

std::optional<Metrics> open_records(const Communicator& comm, const TrainJob& job,
                                    const RunStart& start, int64_t first_step) {
  std::optional<Metrics> metrics;
  run_agreed(comm, [&] {
    if (!comm.is_root()) return;
    make_room(start, first_step);
    DurableFile config(start.folder / "config.yaml");
    config.write(job.config_yaml);
    config.commit();
    metrics.emplace(start.folder, first_step, job.train.steps, job.train.log_every);
  });
  return metrics;
}

constexpr double gib = 1 << 30;

// What attention takes of a GPU's memory for itself, in backward, when most is in use.
int64_t attention_room(const TrainJob& job, const BatchSize& batch) {
  if (job.train.dtype != DType::bf16) return 0;
  return kernels::attention_room_on_gpu({nullptr, std::max(batch.documents, batch.rows), job.model.n_heads,
                                         job.model.head_dim(), batch.rows * batch.seq, batch.seq});
}

// What a GPU's tensors take, `bytes` on this rank, of the rank that needs most, and a warning where that does not fit.
// Collective.
double predict_gpu_memory(const Communicator& world, const kernels::GpuMemory& memory, int64_t bytes) {
  const double needed = static_cast<double>(world.all_reduced(bytes, ReduceOp::max)) / gib;
  const double there = static_cast<double>(memory.total) / gib;
  log("memory: {:.2f} GiB predicted for a GPU's tensors, {:.1f} GiB are there", needed, there);
  if (needed > there)
    warn("memory: a GPU needs {:.2f} GiB, more than it has: a smaller train.microbatch or train.recompute takes less",
         needed);
  return needed;
}

// What the rank that needs most will take, and a warning where that does not fit. Collective.
double predict_memory(const TrainJob& job, const TrainData& data, const Shard& shard, int64_t program) {
  const Communicator& world = shard.grid.world();
  const BatchSize batch = largest_microbatch(job, shard.grid.shape(), data.set.largest_row(), data.layout);
  const MemoryPlan plan = plan_training(job, shard.grid.shape(), world.rank(), shard.placement, batch, program);
  if (const auto memory = own_memory(job.device))
    return predict_gpu_memory(world, *memory, plan.tensors + attention_room(job, batch));
  const int64_t most = world.all_reduced(plan.total(), ReduceOp::max);
  const int64_t on_host = std::min(most * detect_launch().ranks_on_host, world.all_reduced(plan.total()));
  const double predicted = static_cast<double>(most) / gib, machine = static_cast<double>(machine_bytes()) / gib;
  log("memory: {:.2f} GiB predicted for {} (`modr plan` says what for), {:.1f} GiB are there", predicted,
      world.size() == 1 ? "the run" : "the rank that needs most", machine);
  if (const double needed = static_cast<double>(on_host) / gib; needed > machine)
    warn("memory: the ranks of a machine need {:.2f} GiB, more than it has: a smaller train.microbatch or "
         "train.recompute takes less",
         needed);
  return predicted;
}

void compare_memory(const Communicator& world, Device device, double predicted) {
  const auto memory = own_memory(device);
  const int64_t mine = memory ? static_cast<int64_t>(memory->at_most) : peak_resident_bytes();
  const auto real = static_cast<double>(world.all_reduced(mine, ReduceOp::max)) / gib;
  log("memory: {:.2f} GiB were predicted, {:.2f} GiB taken at most", predicted, real);
}

// The time limit of a job that has saved nothing yet: a disk is taken to write 100 MB/s.
TimeLimit limit_of(const TrainJob& job, const std::optional<Deadline>& deadline) {
  constexpr double bytes_per_s = 1e8;
  const TimeLimit limit(deadline, job.train.stop_margin_s, static_cast<double>(checkpoint_bytes(job)) / bytes_per_s);
  if (limit.is_set())
    log("time limit: {} left, will save and stop {} before", format_duration(limit.left_s(Deadline::clock::now())),
        format_duration(limit.reserve_s()));
  return limit;
}

// The same Error on all ranks, since all have the same result.
void stop_if_hopeless(const LossGuard& guard, int64_t step, const StepResult& result) {
  if (!guard.gives_up()) return;
  fail("step {}: {} ({}): {} steps in a row had to be skipped, more than train.guard.max_skipped", step,
       result.skipped->reason, result.skipped->batch, guard.skipped_in_a_row());
}

bool is_save_due(const TrainConfig& config, int64_t done) {
  return config.checkpoint_every > 0 && done % config.checkpoint_every == 0;
}

}  // namespace

TrainOutcome train(const Communicator& comm, const TrainJob& job, const TrainData& data,
                   const RunStart& start, const std::optional<Deadline>& deadline) {
  comm.set_timeout(job.parallel.timeout_s);
  const int64_t program = resident_bytes();
  Shard shard = make_shard(comm, job, job.parallel.placement,
                           start.resume_from ? FirstWeights::left_open : FirstWeights::initial, job.device);
  TrainStep step(job, data, shard);
  TrainOutcome outcome;
  int64_t first_step = 0;
  run_agreed(comm, [&] {
    if (!start.resume_from) return;
    const CheckpointReader reader(*start.resume_from);
    first_step = restore_training_state(reader, job, shard);
    step.guard().restore(reader.info().guard);
    outcome.checkpoint = *start.resume_from;
  });
  describe(job, data, shard);
  const double predicted = predict_memory(job, data, shard, program);
  if (start.resume_from) log("resumed from {} after step {}", start.resume_from->string(), first_step);
  check_all_see(comm, start.folder);
  std::optional<Metrics> metrics = open_records(comm, job, start, first_step);
  EpochSampler sampler(static_cast<int64_t>(data.set.rows.size()), job.train.global_batch, job.seed);
  Interruption interruption(comm, limit_of(job, deadline));
  Checkpointer checkpointer(start.folder, job, shard);
  for (int64_t done = first_step; done < job.train.steps && outcome.why.empty();) {
    const Stopwatch watch;
    const StepResult result = step.run(plan_step(job.train, job.model, job.seed, done, sampler.global_batch(done)));
    ++done;
    comm.announce({.phase = "records", .step = done});
    run_agreed(comm, [&] {
      if (metrics) metrics->record(done, result, watch.seconds());
    });
    stop_if_hopeless(step.guard(), done, result);
    comm.announce({.phase = "checkpoint", .step = done});
    checkpointer.poll();
    if (checkpointer.last_seconds() > 0) interruption.save_took(checkpointer.last_seconds());
    const std::optional<std::string> stop = interruption.reason_to_stop(watch.seconds());
    if (done < job.train.steps) outcome.why = stop.value_or("");
    const bool stops = done == job.train.steps || !outcome.why.empty();
    if (stops || is_save_due(job.train, done)) checkpointer.save(done, step.guard().values(), !stops);
  }
  checkpointer.wait();
  if (!checkpointer.last().empty()) outcome.checkpoint = checkpointer.last();
  outcome.finished = outcome.why.empty();
  if (step.guard().num_skipped() > 0) log("{} steps were skipped", step.guard().num_skipped());
  compare_memory(comm, job.device, predicted);
  return outcome;
}

}  // namespace modr
