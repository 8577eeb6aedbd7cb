#pragma once
// How likely a model holds a given continuation of a text.
#include <cstdint>
#include <span>
#include <vector>

#include "model/modr_model.hpp"

namespace modr {

struct Continuation {
  std::vector<int32_t> prompt, continuation;  // tokens; neither is empty
  uint64_t sample = 0;                        // with the seed, the key of its random states

  int64_t length() const { return static_cast<int64_t>(prompt.size() + continuation.size()); }
};

struct Likelihood {
  double log_likelihood = 0;           // of the continuation after the prompt, summed over its tokens, in nats
  std::vector<int64_t> branch_counts;  // [n_branches]: how often each was chosen; empty without a router
};

/// One forward pass a batch, prompt and continuation together as in training, padded on the right. Throws Error for an
/// empty part, or one that is longer than the model's block size.
std::vector<Likelihood> score_continuations(const ModrModel& model, std::span<const Continuation> continuations,
                                            int64_t num_steps, uint64_t seed);

}  // namespace modr
