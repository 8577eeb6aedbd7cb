#pragma once
#include <filesystem>
#include <string>

#include "config/run_config.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_model.hpp"
#include "train/checkpointer.hpp"

namespace modr::testing {

/// The config of a run with a tiny model on bytes.
inline RunConfig tiny_run(int64_t n_branches) {
  RunConfig config;
  config.name = "tiny";
  config.seed = 5;
  config.model = tiny_config(n_branches);
  config.model.vocab_size = 262;
  config.model.block_size = 64;
  config.data.train = {"a.jsonl"};
  config.data.max_seq_len = 64;
  config.train.mode = n_branches == 0 ? TrainMode::pretrain : n_branches == 1 ? TrainMode::lora : TrainMode::modr;
  config.train.trainable = n_branches == 0 ? Trainable::all : Trainable::branches;
  return config;
}

/// Writes a checkpoint of `model` as a run with this config would.
inline std::filesystem::path save(const TemporaryFolder& folder, const RunConfig& config, const ModrModel& model) {
  // What the config says of the model may differ from the weights, for tests of that.
  const TrainJob job{config.name,  config.seed,     model.config(), config.optim,
                     config.train, config.parallel, to_yaml(config)};
  const Shard shard = make_shard(Communicator::self(), job, Placement::replicate);
  for (std::size_t i = 0; i < model.parameters().size(); ++i)
    shard.model->parameters()[i].variable.value().copy_from(model.parameters()[i].variable.value());
  if (model.router_bias().defined()) shard.model->router_bias().copy_from(model.router_bias());
  Checkpointer checkpointer(folder.path(), job, shard);
  checkpointer.save(3, {}, false);
  return checkpointer.last();
}

}  // namespace modr::testing
