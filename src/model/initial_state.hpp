#pragma once
#include <cstdint>
#include <span>

#include "model/config.hpp"

namespace modr {

/// Which random state a token starts from; equal keys give equal states, whatever batch or rank they occur in.
struct StateKey {
  uint64_t seed = 0;
  uint64_t sample = 0;    // e.g. the step and the sample's place in the global batch
  uint32_t position = 0;  // of the token in its sequence
};

/// s0 of tokens: truncated normal within 3 sigma, sigma = state_init_std, times the embedding scale; [keys, n_embd].
Tensor initial_states(const ModelConfig& config, std::span<const StateKey> keys, TensorType type);

/// Keys of a batch's tokens: samples[i] is that of sequence i, rows [sequences[i], sequences[i + 1]).
std::vector<StateKey> state_keys(uint64_t seed, std::span<const uint64_t> samples, std::span<const int64_t> sequences);
/// The same for sequences of `seq` tokens.
std::vector<StateKey> state_keys(uint64_t seed, std::span<const uint64_t> samples, int64_t seq);

}  // namespace modr
