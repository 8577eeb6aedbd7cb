#pragma once
#include <filesystem>
#include <string>

#include "config/run_config.hpp"
#include "optim/adamw.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_model.hpp"
#include "train/training_checkpoint.hpp"

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
  const TrainJob job{config.name, config.seed, config.model, config.optim, config.train, to_yaml(config)};
  return save_training_state(folder.path(), 3, job, model, AdamW(model.parameters(), config.optim));
}

}  // namespace modr::testing
