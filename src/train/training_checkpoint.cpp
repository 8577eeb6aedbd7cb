#include "train/training_checkpoint.hpp"

#include "base/error.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "moe/lora_branches.hpp"

namespace modr {

std::filesystem::path save_training_state(const std::filesystem::path& run_folder, int64_t step, const TrainJob& job,
                                          const ModrModel& model, const AdamW& optimizer) {
  CheckpointInfo info;
  info.step = step;
  info.seed = job.seed;
  info.samples_consumed = step * job.train.global_batch;
  info.optimizer_step = optimizer.num_steps();
  info.mode = name_of(job.train.mode);
  info.config = job.config_yaml;
  std::vector<CheckpointWeight> weights;
  for (const Parameter& parameter : model.parameters())
    weights.push_back({parameter.name, parameter.variable.value(), parameter.variable.requires_grad()});
  if (model.core().router()) weights.push_back({router_bias_name, model.router_bias(), false});
  OptimizerTensors moments;
  for (const TensorPart& part : optimizer.state()) moments.emplace_back(part.name, part.tensor);
  const std::filesystem::path path = new_checkpoint_path(run_folder, step);
  save_checkpoint(path, info, weights, moments);
  set_latest_checkpoint(path);
  if (job.train.keep_checkpoints > 0) keep_last_checkpoints(run_folder, job.train.keep_checkpoints);
  return path;
}

void load_weights(const CheckpointReader& reader, const ModrModel& model) {
  for (const Parameter& parameter : model.parameters()) reader.read_weight_into(parameter.part());
  if (model.core().router()) reader.read_weight_into({router_bias_name, model.router_bias()});
}

void load_initial_weights(const CheckpointReader& reader, const ModrModel& model) {
  for (const Parameter& parameter : model.parameters())
    if (!is_branch_parameter(parameter.name) || reader.has_weight(parameter.name))
      reader.read_weight_into(parameter.part());
  if (model.core().router() && reader.has_weight(router_bias_name))
    reader.read_weight_into({router_bias_name, model.router_bias()});
}

int64_t restore_training_state(const CheckpointReader& reader, const TrainJob& job, const ModrModel& model,
                               AdamW& optimizer) {
  const CheckpointInfo& info = reader.info();
  const std::string file = reader.path().string();
  if (info.seed != job.seed) fail("{}: has seed {}, but the run's is {}", file, info.seed, job.seed);
  if (info.mode != name_of(job.train.mode))
    fail("{}: was written in mode {}, but the run's is {}", file, info.mode, name_of(job.train.mode));
  if (info.samples_consumed != info.step * job.train.global_batch)
    fail("{}: stands at sample {} after {} steps, which does not fit train.global_batch: {}", file,
         info.samples_consumed, info.step, job.train.global_batch);
  for (const Parameter& parameter : model.parameters())
    if (reader.is_trainable(parameter.name) != parameter.variable.requires_grad())
      fail("{}: {} was {}trained there, but is {}here: expected the same train.trainable", file, parameter.name,
           reader.is_trainable(parameter.name) ? "" : "not ", parameter.variable.requires_grad() ? "" : "not ");
  load_weights(reader, model);
  for (const TensorPart& moment : optimizer.state()) reader.read_optimizer_into(moment);
  optimizer.resume_after(info.optimizer_step);
  return info.step;
}

}  // namespace modr
