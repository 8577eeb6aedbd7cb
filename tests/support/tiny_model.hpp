#pragma once
// Models and batches that are small enough for finite differences and for running many times.
#include "base/philox.hpp"
#include "model/initial_state.hpp"
#include "model/modr_model.hpp"

namespace modr::testing {

inline ModelConfig tiny_config(int64_t n_branches = 0) {
  ModelConfig config;
  config.n_embd = 8;
  config.n_heads = 2;
  config.intermediate_size = 6;
  config.vocab_size = 13;
  config.n_layers_in_recurrent_block = 2;
  config.block_size = 16;
  config.mean_recurrence = 3;
  config.mean_backprop_depth = 2;
  config.branches.n_branches = n_branches;
  config.branches.lora_rank = 2;
  config.branches.lora_alpha = 4;
  config.branches.lora_targets = all_lora_targets;
  return config;
}

/// Random weights everywhere, adapters and the router included, so that branches differ.
inline void randomize(ModrModel& model, uint64_t seed) {
  model.initialize(seed);
  uint64_t index = 0;
  for (const Parameter& parameter : model.parameters()) {
    PhiloxSequence rng(seed, RandomStream::data, ++index);
    const bool branch =
        parameter.name.find("lora") != std::string::npos || parameter.name.find("router") != std::string::npos;
    const bool vector = parameter.variable.value().rank() == 1;
    const Tensor& value = parameter.variable.value();
    const Tensor values = Tensor::empty(value.shape(), exact(value.type()));
    values.copy_from(value);
    visit_exact_dtype(values.dtype(), [&]<typename T>() {
      for (T& each : values.template span<T>())
        each += static_cast<T>((branch ? 0.5 : vector ? 0.1 : 0.05) * rng.normal());
    });
    value.copy_from(values);
  }
}

/// Gives `to` the values of `from`, rounded in both where `to` alone has them in bf16.
inline void share_values(const ModrModel& from, const ModrModel& to) {
  for (std::size_t i = 0; i < from.parameters().size(); ++i) {
    const Tensor &value = from.parameters()[i].variable.value(), &copy = to.parameters()[i].variable.value();
    if (copy.dtype() == DType::bf16 && value.dtype() != DType::bf16) value.copy_from(value.to(DType::bf16));
    copy.copy_from(value);
  }
}

/// Rows of random ids, the last row `padding` tokens shorter; labels are the next ids, -100 in the first two places.
inline TokenBatch random_batch(int64_t batch, int64_t seq, int64_t vocab, int64_t padding, uint64_t seed) {
  PhiloxSequence rng(seed, RandomStream::data);
  std::vector<int32_t> ids, labels;
  std::vector<uint8_t> mask;
  for (int64_t i = 0; i < batch * seq; ++i) {
    const bool real = i < batch * seq - padding;
    ids.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab))));
    labels.push_back(real && i % seq >= 2 ? static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab))) : -100);
    mask.push_back(real ? 1 : 0);
  }
  return {batch, seq, make_indices(std::move(ids)), make_indices(std::move(labels)), make_mask(std::move(mask))};
}

inline Tensor random_states(const ModelConfig& config, int64_t batch, int64_t seq, uint64_t seed, DType dtype) {
  std::vector<uint64_t> samples;
  for (int64_t i = 0; i < batch; ++i) samples.push_back(static_cast<uint64_t>(i));
  return initial_states(config, state_keys(seed, samples, seq), dtype);
}

}  // namespace modr::testing
