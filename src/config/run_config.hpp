#pragma once
// A run file: YAML to every room's own Config, and back.
//
//   name: demo_modr            # of the run's folder; the file's name unless it is given
//   seed: 1
//   model: ../model/demo.yaml  # a model file, or a map of ModelConfig's fields; the map may start from a file
//                              # (base: ../model/demo.yaml) and change some; `branches` is a map in it
//   data: {train: [a.jsonl]}   # DatasetConfig
//   optim: {lr: 1e-3}          # OptimConfig
//   train: {mode: modr}        # TrainConfig
//   parallel: {data: 2}        # ParallelConfig
//
// A relative path is looked for from the current folder and then from the folder of the file that has it; where it is
// found there, its absolute path takes its place.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dataset/config.hpp"
#include "model/config.hpp"
#include "optim/config.hpp"
#include "parallel/config.hpp"
#include "train/config.hpp"

namespace modr {

/// Everything that says what a run does.
struct RunConfig {
  std::string name;
  uint64_t seed = 0;
  ModelConfig model;
  DatasetConfig data;
  OptimConfig optim;
  TrainConfig train;
  ParallelConfig parallel;

  /// Checks each part and that they fit together. Throws Error naming the field ("model.n_heads").
  void validate() const;
};

/// Reads a run file. Each override is "key.path=value" with the value in YAML ("data.train=[a.jsonl, b.jsonl]") and
/// counts as if the file said so; `model=FILE` and `model.base=FILE` start the model over from that file. What the file
/// leaves open follows: train.trainable from the mode, optim.warmup_steps at most train.steps.
/// Throws Error with file, line, key path, what was expected and what was found; UsageError when an override is wrong.
RunConfig load_run_config(const std::filesystem::path& file, const std::vector<std::string>& overrides = {});

/// The same for a text from elsewhere, such as the one in a checkpoint; `origin` names it in messages. Paths stay as
/// they are.
RunConfig parse_run_config(const std::string& text, const std::string& origin);

/// The complete config in a fixed order; parse_run_config() of it gives exactly the same values.
std::string to_yaml(const RunConfig& config);

}  // namespace modr
