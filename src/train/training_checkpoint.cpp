#include "train/training_checkpoint.hpp"

#include <utility>

#include "base/error.hpp"
#include "moe/lora_branches.hpp"

namespace modr {

namespace {

bool is_trained(const TrainJob& job, const std::string& name) {
  return name != router_bias_name && (job.train.trainable == Trainable::all || is_branch_parameter(name));
}

// "exp_avg/<parameter>" is kept where the parameter is.
std::string_view parameter_of(std::string_view moment) { return moment.substr(moment.find('/') + 1); }

// `part` under the name of its dataset; `holders` have the same rows.
CheckpointTensor share(const char* group, TensorPart part, bool trainable, const Communicator& holders) {
  part.name.insert(0, group);
  return {std::move(part), trainable, holders};
}

// With `frozen` values a value of a frozen parameter, and `trained` of one that trains.
int64_t bytes_of_checkpoint(const ParameterList& parameters, std::size_t frozen, std::size_t trained) {
  std::size_t bytes = 0;
  for (const Parameter& parameter : parameters)
    bytes += parameter.variable.value().bytes() * (parameter.variable.requires_grad() ? trained : frozen);
  return static_cast<int64_t>(bytes);
}

}  // namespace

int64_t tensor_bytes_of_checkpoint(const ParameterList& parameters) { return bytes_of_checkpoint(parameters, 1, 3); }

int64_t changing_bytes_of_checkpoint(const ParameterList& parameters) { return bytes_of_checkpoint(parameters, 0, 3); }

CheckpointInfo checkpoint_info(int64_t step, const TrainJob& job, const AdamW& optimizer,
                               const std::vector<double>& guard) {
  CheckpointInfo info;
  info.step = step;
  info.seed = job.seed;
  info.samples_consumed = step * job.train.global_batch;
  info.optimizer_step = optimizer.num_steps();
  info.mode = name_of(job.train.mode);
  info.config = job.config_yaml;
  info.guard = guard;
  info.tokenizer_digest = job.identity.tokenizer;
  info.rows_digest = job.identity.rows;
  return info;
}

std::vector<CheckpointTensor> checkpoint_tensors(const TrainJob& job, const Shard& shard) {
  std::vector<CheckpointTensor> tensors;
  const auto holders = [&](std::string_view parameter) { return shard.grid.group(shard.home_of(parameter)); };
  for (const Parameter& parameter : shard.model->parameters()) {
    const bool trained = is_trained(job, parameter.name);
    tensors.push_back(share("weights/", parameter.part(), trained, holders(parameter.name)));
    tensors.back().constant = !trained;
  }
  if (shard.model->router_bias().defined())
    tensors.push_back(share("weights/", {router_bias_name, shard.model->router_bias()}, false,
                            shard.grid.group(ParameterHome::core)));
  for (const TensorPart& moment : shard.optimizer->state())
    tensors.push_back(share("optimizer/", moment, false, holders(parameter_of(moment.name))));
  return tensors;
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
