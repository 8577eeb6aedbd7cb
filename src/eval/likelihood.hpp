#pragma once
// How likely a model holds given continuations of a text.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/kv_cache.hpp"
#include "model/modr_model.hpp"

namespace modr {

/// A text with what may follow it, as tokens; nothing is empty.
struct ContinuedPrompt {
  std::vector<int32_t> prompt;
  std::vector<std::vector<int32_t>> continuations;
  uint64_t sample = 0;    // with the seed, the key of its random states
  std::string name = {};  // for errors

  /// Positions that the prompt and its longest continuation take; the last token is only predicted.
  int64_t positions() const;
};

struct Likelihoods {
  std::vector<double> log_likelihood;  // of each continuation after the prompt, summed over its tokens, in nats
  std::vector<int64_t> branch_counts;  // [n_branches]: how often each was chosen, the prompt's once; empty without router
};

struct LikelihoodOptions {
  int64_t num_steps = 32;  // recurrences a token
  CacheConfig cache;
  uint64_t seed = 0;
};

/// The product of the probabilities that decoding would give a continuation's tokens (MODEL.md, "Decoding"): every prompt
/// is run once and routed as in a prefill, each of its continuations goes on from its cache, and a continuation's tokens
/// are routed as decoding routes new ones, each by itself. So the probabilities of all one-token continuations sum to 1.
/// Prompts share forward passes as far as memory allows; a result does not depend on which. Throws Error for an empty
/// part, for more tokens than the model's block size, and for logits that are not finite.
std::vector<Likelihoods> score_continuations(const ModrModel& model, std::span<const ContinuedPrompt> prompts,
                                             const LikelihoodOptions& options);

}  // namespace modr
