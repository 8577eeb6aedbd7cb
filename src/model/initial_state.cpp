#include "model/initial_state.hpp"

#include "base/error.hpp"
#include "base/philox.hpp"
#include "ops/index.hpp"
#include "tensor/random_fill.hpp"

namespace modr {

Tensor initial_states(const ModelConfig& config, std::span<const StateKey> keys, TensorType type) {
  const Tensor states = Tensor::empty({std::ssize(keys), config.n_embd}, type);
  std::vector<PhiloxStream> streams;
  streams.reserve(keys.size());
  for (const StateKey& key : keys)
    streams.emplace_back(key.seed, RandomStream::initial_state, key.sample, key.position);
  fill_truncated_normal_rows(states, std::move(streams), config.initial_state_std() * config.embedding_scale(), 3);
  return states;
}

std::vector<StateKey> state_keys(uint64_t seed, std::span<const uint64_t> samples, std::span<const int64_t> sequences) {
  MODR_CHECK(sequences.size() == samples.size() + 1, "{} sequences of {} samples", sequences.size() - 1,
             samples.size());
  std::vector<StateKey> keys;
  keys.reserve(static_cast<std::size_t>(sequences.back()));
  for (std::size_t i = 0; i < samples.size(); ++i)
    for (int64_t position = 0; position < sequences[i + 1] - sequences[i]; ++position)
      keys.push_back({seed, samples[i], static_cast<uint32_t>(position)});
  return keys;
}

std::vector<StateKey> state_keys(uint64_t seed, std::span<const uint64_t> samples, int64_t seq) {
  return state_keys(seed, samples, uniform_offsets(std::ssize(samples), seq)->values());
}

}  // namespace modr
