#pragma once
#include <string>
#include <vector>

#include "tensor/tensor.hpp"

namespace modr {

/// When a token's recurrences may stop early (Geiping et al. 2025, section on adaptive compute; MODEL.md, "Decoding").
enum class ExitCriterion { entropy_diff, latent_diff, kl, minp_kl, cosine, argmax_stability };

/// "entropy-diff", "latent-diff", "kl", "minp-kl", "cosine", "argmax-stability"; throws Error for another name.
ExitCriterion parse_exit_criterion(const std::string& name);
/// The threshold that upstream uses when none is given.
double default_threshold(ExitCriterion criterion);

struct ExitSpec {
  ExitCriterion criterion;
  double threshold;
};

/// "criterion" or "criterion:threshold", e.g. "kl:0.001"; without a threshold the criterion's default. Throws Error.
ExitSpec parse_exit_spec(const std::string& text);

/// Follows one forward call, recurrence by recurrence.
class ExitRule {
 public:
  ExitRule(ExitCriterion criterion, double threshold);
  /// Starts a call from `initial_state` [tokens, n_embd] with a vocabulary of `vocab_size`.
  void begin(const Tensor& initial_state, int64_t vocab_size);
  /// Whether update() looks at the logits at all.
  bool needs_logits() const;
  /// Takes the state after a recurrence and the last token's logits [vocab_size] (undefined unless needs_logits());
  /// returns the criterion's value, all that is copied to the host. The state is kept, not copied: nobody may write to
  /// it afterwards.
  double update(const Tensor& state, const Tensor& last_logits);
  /// Whether the last value says stop: below the threshold; for argmax-stability, at least the threshold.
  bool stops() const;

 private:
  double unchanged_tokens(const Tensor& last_logits);

  ExitCriterion criterion_;
  double threshold_;
  double value_ = 0;
  Tensor previous_state_;         // [tokens, n_embd]
  Tensor previous_distribution_;  // [vocab_size], f64: probabilities, or the entropy in front
  int32_t previous_argmax_ = -1;
  int64_t unchanged_ = 0;
};

}  // namespace modr
