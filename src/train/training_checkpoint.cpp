#include "train/training_checkpoint.hpp"

#include "base/error.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "checkpoint/gather.hpp"
#include "comm/agree.hpp"
#include "moe/lora_branches.hpp"

namespace modr {

namespace {

CheckpointInfo info_of(int64_t step, const TrainJob& job, const AdamW& optimizer) {
  CheckpointInfo info;
  info.step = step;
  info.seed = job.seed;
  info.samples_consumed = step * job.train.global_batch;
  info.optimizer_step = optimizer.num_steps();
  info.mode = name_of(job.train.mode);
  info.config = job.config_yaml;
  return info;
}

bool is_trained(const TrainJob& job, const std::string& name) {
  return name != router_bias_name && (job.train.trainable == Trainable::all || is_branch_parameter(name));
}

// "exp_avg/<parameter>" is kept where the parameter is.
std::string_view parameter_of(std::string_view moment) { return moment.substr(moment.find('/') + 1); }

}  // namespace

std::filesystem::path save_training_state(const std::filesystem::path& run_folder, int64_t step, const TrainJob& job,
                                          const Shard& shard) {
  const Communicator& world = shard.grid.world();
  std::vector<TensorPart> weights, moments;
  for (const Parameter& parameter : shard.model->parameters())
    if (shard.answers_for(parameter.name)) weights.push_back(parameter.part());
  if (shard.model->router_bias().defined() && shard.grid.group(ParameterHome::core).is_root())
    weights.push_back({router_bias_name, shard.model->router_bias()});
  for (const TensorPart& moment : shard.optimizer->state())
    if (shard.answers_for(parameter_of(moment.name))) moments.push_back(moment);
  const auto all_weights = gather_parts(world, weights), all_moments = gather_parts(world, moments);
  const std::filesystem::path path = new_checkpoint_path(run_folder, step);
  run_agreed(world, [&] {
    if (!world.is_root()) return;
    std::vector<CheckpointWeight> to_write;
    for (const auto& [name, tensor] : all_weights) to_write.push_back({name, tensor, is_trained(job, name)});
    save_checkpoint(path, info_of(step, job, *shard.optimizer), to_write, all_moments);
    set_latest_checkpoint(path);
    if (job.train.keep_checkpoints > 0) keep_last_checkpoints(run_folder, job.train.keep_checkpoints);
  });
  return path;
}

void load_weights(const CheckpointReader& reader, const ModrModel& model) {
  for (const Parameter& parameter : model.parameters()) reader.read_weight_into(parameter.part());
  if (model.router_bias().defined()) reader.read_weight_into({router_bias_name, model.router_bias()});
}

void load_initial_weights(const CheckpointReader& reader, const ModrModel& model) {
  for (const Parameter& parameter : model.parameters())
    if (!is_branch_parameter(parameter.name) || reader.has_weight(parameter.name))
      reader.read_weight_into(parameter.part());
  if (model.router_bias().defined() && reader.has_weight(router_bias_name))
    reader.read_weight_into({router_bias_name, model.router_bias()});
}

int64_t restore_training_state(const CheckpointReader& reader, const TrainJob& job, const Shard& shard) {
  const ModrModel& model = *shard.model;
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
  for (const TensorPart& moment : shard.optimizer->state()) reader.read_optimizer_into(moment);
  shard.optimizer->resume_after(info.optimizer_step);
  return info.step;
}

}  // namespace modr
