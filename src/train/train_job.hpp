#pragma once
#include <cstdint>
#include <string>

#include "base/device.hpp"
#include "dataset/config.hpp"
#include "dataset/training_set.hpp"
#include "model/modr_model.hpp"
#include "optim/config.hpp"
#include "parallel/config.hpp"
#include "train/config.hpp"

namespace modr {

/// What a run reads, as digests that a checkpoint keeps, so that a resumed run is known to read the same; empty: unknown.
struct DataIdentity {
  std::string tokenizer, rows;
};

/// A run's configuration as the training loop takes it.
struct TrainJob {
  std::string name;
  uint64_t seed = 1;
  ModelConfig model;
  OptimConfig optim;
  TrainConfig train;
  ParallelConfig parallel;
  std::string config_yaml;  // the whole resolved config, kept in the run's folder and in every checkpoint
  DataIdentity identity = {};
  Device device = cpu_device;  // where this rank computes
};

/// The rows of the training set and how they are padded, the same on every rank.
struct TrainData {
  TrainingSet set;
  BatchLayout layout;
};

}  // namespace modr
