#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.hpp"
#include "config/run_config.hpp"
#include "dataset/tokenizer.hpp"
#include "model/modr_model.hpp"
#include "parallel/exchange_dispatcher.hpp"

namespace modr::tools {

/// checkpoint_file(), the same on all ranks, as rank 0 finds it: a training job may write beside. Collective.
std::string agreed_checkpoint(const Communicator& world, const std::filesystem::path& path);

/// A trained model with all that it takes to use it.
struct LoadedModel {
  RunConfig config;  // of the run that wrote the checkpoint
  CheckpointInfo info;
  std::unique_ptr<ModrModel> model;
  Tokenizer tokenizer;
  std::shared_ptr<const ExchangeDispatcher> exchange;  // where the branches are on different ranks; else null
  int64_t trained_parameters = 0;                      // by the run that wrote the checkpoint
};

/// How a checkpoint is read.
struct LoadOptions {
  std::optional<DType> dtype = {};  // of rows between layers; nothing: as it was trained
  std::string device = "cpu";       // see choose_device()
  std::string tokenizer = {};       // in place of the one that its config names, unless empty
};

/// Reads a checkpoint, or the latest one of a run's folder, and its tokenizer. Throws Error when a part is
/// missing, does not fit the config, or the tokenizer has more ids than the model. The ranks of `branch_group` share
/// the model's branches, each at its own pace (Pace::own), and have to end with serve_branches(); the call itself is
/// not collective.
LoadedModel load_model(const std::filesystem::path& checkpoint, const LoadOptions& options,
                       const Communicator& branch_group = Communicator::self());

/// The value of an option --dtype: nothing, f32 or bf16. Throws UsageError.
std::optional<DType> parse_row_dtype(const std::string& text);

}  // namespace modr::tools
