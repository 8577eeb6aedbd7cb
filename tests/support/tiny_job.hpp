#pragma once
// A training job of a few thousand parameters on random tokens.
#include "support/tiny_model.hpp"
#include "train/train_job.hpp"

namespace modr::testing {

inline TrainJob tiny_job(TrainMode mode, int64_t n_branches, int64_t steps) {
  TrainJob job;
  job.name = "tiny";
  job.seed = 11;
  job.model = tiny_config(n_branches);
  job.optim.lr = 1e-2;
  job.optim.warmup_steps = 3;
  job.train.mode = mode;
  job.train.trainable = mode == TrainMode::pretrain ? Trainable::all : Trainable::branches;
  job.train.steps = steps;
  job.train.global_batch = 7;  // divides by no number of ranks
  job.train.microbatch = 2;
  job.config_yaml = "name: tiny\n";
  return job;
}

/// Rows of different lengths with labels in most places.
inline TrainData tiny_data(int64_t rows) {
  TrainData data;
  PhiloxSequence rng(3, RandomStream::data);
  for (int64_t i = 0; i < rows; ++i) {
    Example example;
    const auto length = 3 + rng.below(10);
    for (uint64_t t = 0; t < length; ++t) {
      example.tokens.push_back(static_cast<int32_t>(rng.below(13)));
      example.labels.push_back(t < 1 ? kIgnoreLabel : static_cast<int32_t>((example.tokens.back() * 3 + 1) % 13));
    }
    data.set.num_tokens += static_cast<int64_t>(length);
    data.set.rows.push_back(std::move(example));
  }
  data.layout.multiple = 4;
  return data;
}

/// The same rows as documents that share rows of at most 16 tokens.
inline TrainData tiny_packed_data(int64_t documents) {
  TrainData data = tiny_data(documents);
  data.set.rows = pack_examples(data.set.rows, 16);
  data.layout.min_seq = 16;
  return data;
}

}  // namespace modr::testing
