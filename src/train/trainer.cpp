#include "train/trainer.hpp"

#include <fstream>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agree.hpp"
#include "train/metrics.hpp"
#include "train/train_step.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {

namespace {

void prepare_weights(const TrainJob& job, ModrModel& model) {
  model.initialize(job.seed);
  if (!job.train.init_from.empty()) load_initial_weights(CheckpointReader(job.train.init_from), model);
  model.set_trainable(job.train.trainable);
}

void describe(const TrainJob& job, const TrainData& data, const Communicator& comm, const ModrModel& model) {
  int64_t trained = 0, frozen = 0;
  for (const Parameter& parameter : model.parameters())
    (parameter.variable.requires_grad() ? trained : frozen) += parameter.variable.value().numel();
  log("{}: mode {}, {} rank{}, {} trained and {} frozen parameters, {} rows of {} tokens, {} steps of {} sequences",
      job.name, name_of(job.train.mode), comm.size(), comm.size() == 1 ? "" : "s", trained, frozen,
      data.set.rows.size(), data.set.num_tokens, job.train.steps, job.train.global_batch);
}

std::optional<Metrics> open_records(const Communicator& comm, const TrainJob& job,
                                    const std::filesystem::path& run_folder, int64_t first_step) {
  std::optional<Metrics> metrics;
  run_agreed(comm, [&] {
    if (!comm.is_root()) return;
    std::error_code error;
    std::filesystem::create_directories(run_folder, error);
    std::ofstream config(run_folder / "config.yaml");
    config << job.config_yaml << std::flush;
    if (!config) fail("{}: cannot be written", (run_folder / "config.yaml").string());
    metrics.emplace(run_folder, first_step, job.train.steps, job.train.log_every);
  });
  return metrics;
}

}  // namespace

std::filesystem::path train(const Communicator& comm, const TrainJob& job, const TrainData& data,
                            const std::filesystem::path& run_folder,
                            const std::optional<std::filesystem::path>& resume_from) {
  std::optional<ModrModel> model;
  std::optional<AdamW> optimizer;
  int64_t first_step = 0;
  std::filesystem::path last_checkpoint;
  run_agreed(comm, [&] {
    model.emplace(job.model, job.train.dtype);
    prepare_weights(job, *model);
    optimizer.emplace(model->parameters(), job.optim);
    if (!resume_from) return;
    first_step = restore_training_state(CheckpointReader(*resume_from), job, *model, *optimizer);
    last_checkpoint = *resume_from;
  });
  describe(job, data, comm, *model);
  if (resume_from) log("resumed from {} after step {}", resume_from->string(), first_step);
  std::optional<Metrics> metrics = open_records(comm, job, run_folder, first_step);
  ShardedSampler sampler(static_cast<int64_t>(data.set.rows.size()), job.train.global_batch, job.seed);
  TrainStep step(comm, job, data, *model, *optimizer);
  for (int64_t index = first_step; index < job.train.steps; ++index) {
    const Stopwatch watch;
    const StepResult result = step.run(plan_step(job.train, job.model, job.seed, sampler, index));
    const int64_t done = index + 1;
    const bool save = done == job.train.steps ||
                      (job.train.checkpoint_every > 0 && done % job.train.checkpoint_every == 0);
    run_agreed(comm, [&] {
      if (!comm.is_root()) return;
      metrics->record(done, result, watch.seconds());
      if (!save) return;
      last_checkpoint = save_training_state(run_folder, done, job, *model, *optimizer);
      log("saved {}", last_checkpoint.string());
    });
  }
  return last_checkpoint;
}

}  // namespace modr
