#pragma once
// Which steps may change the model, and which are skipped.
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "train/config.hpp"

namespace modr {

/// Tells a step whose loss or gradient norm is not finite, or lies far above those of the last accepted steps, from one
/// that may change the model. What it says follows from the numbers that it was given alone: ranks that give it the
/// same bits decide alike.
///
/// Far above: more than `z_score` standard deviations of the window over its mean, for the loss itself and for the
/// logarithm of the norm. A deviation counts as at least 0.05 nats of the loss and 0.25 of the logarithm, so that flat
/// stretches do not make outliers of nothing, and nothing is one before 32 steps are accepted.
class LossGuard {
 public:
  explicit LossGuard(const GuardConfig& config) : config_(config) {}

  /// Of a step with this loss, in nats, and norm of the gradient before clipping: why it must change nothing, such as
  /// "its loss is nan"; nothing when it may, and then the next ones are compared with it too.
  std::optional<std::string> judge(double loss, double grad_norm);

  int64_t num_skipped() const { return num_skipped_; }
  int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  /// Whether more steps in a row were skipped than the job is to survive.
  bool gives_up() const { return skipped_in_a_row_ > config_.max_skipped; }

  /// All that the next decisions follow from, for a checkpoint.
  std::vector<double> values() const;
  /// Goes on where the guard with these values() stood; without values it begins anew. Of a longer window the newest
  /// steps count. Throws Error when no guard has such values.
  void restore(std::span<const double> values);

 private:
  void accept(double loss, double log_norm);
  std::optional<std::string> find_fault(double loss, double grad_norm) const;

  GuardConfig config_;
  std::deque<double> losses_, log_norms_;  // of accepted steps, the newest last; the same number of both
  int64_t num_skipped_ = 0, skipped_in_a_row_ = 0;
};

}  // namespace modr
