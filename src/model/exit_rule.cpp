#include "model/exit_rule.hpp"

#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "ops/exit_change.hpp"
#include "ops/score.hpp"

namespace modr {

ExitCriterion parse_exit_criterion(const std::string& name) {
  if (name == "entropy-diff") return ExitCriterion::entropy_diff;
  if (name == "latent-diff") return ExitCriterion::latent_diff;
  if (name == "kl") return ExitCriterion::kl;
  if (name == "minp-kl") return ExitCriterion::minp_kl;
  if (name == "cosine") return ExitCriterion::cosine;
  if (name == "argmax-stability") return ExitCriterion::argmax_stability;
  fail("exit criterion: expected entropy-diff, latent-diff, kl, minp-kl, cosine or argmax-stability, found '{}'", name);
}

double default_threshold(ExitCriterion criterion) {
  switch (criterion) {
    case ExitCriterion::entropy_diff:
    case ExitCriterion::kl:
    case ExitCriterion::minp_kl:
    case ExitCriterion::cosine: return 1e-3;
    case ExitCriterion::latent_diff: return 0.03;
    case ExitCriterion::argmax_stability: return 5;
  }
  fail("unknown exit criterion");
}

ExitSpec parse_exit_spec(const std::string& text) {
  const auto colon = text.find(':');
  const ExitCriterion criterion = parse_exit_criterion(text.substr(0, colon));
  if (colon == std::string::npos) return {criterion, default_threshold(criterion)};
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  double threshold = 0;
  const auto [rest, error] = std::from_chars(begin, end, threshold);
  if (error != std::errc{} || rest != end || !std::isfinite(threshold) || threshold < 0)
    fail("expected a threshold of at least 0 behind '{}:', found '{}'", text.substr(0, colon), begin);
  return {criterion, threshold};
}

ExitRule::ExitRule(ExitCriterion criterion, double threshold) : criterion_(criterion), threshold_(threshold) {}

void ExitRule::begin(const Tensor& initial_state, int64_t vocab_size) {
  previous_state_ = initial_state;
  const double start = criterion_ == ExitCriterion::entropy_diff
                           ? 100  // upstream's entropy at first: no exit at the first recurrence
                           : 1.0 / static_cast<double>(vocab_size);
  previous_distribution_ = Tensor::full({vocab_size}, {DType::f64, initial_state.device()}, start);
  previous_argmax_ = -1;
  unchanged_ = 0;
}

bool ExitRule::needs_logits() const {
  return criterion_ != ExitCriterion::latent_diff && criterion_ != ExitCriterion::cosine;
}

double ExitRule::unchanged_tokens(const Tensor& last_logits) {
  const int32_t argmax = ops::argmax(last_logits.view({1, -1})).front();
  unchanged_ = argmax == previous_argmax_ ? unchanged_ + 1 : 0;
  previous_argmax_ = argmax;
  return static_cast<double>(unchanged_);
}

double ExitRule::update(const Tensor& state, const Tensor& last_logits) {
  using ops::DistributionChange;
  const auto change = [&](DistributionChange what) {
    return ops::distribution_change(last_logits, what, previous_distribution_);
  };
  switch (criterion_) {
    case ExitCriterion::argmax_stability:
      value_ = unchanged_tokens(last_logits);
      break;
    case ExitCriterion::entropy_diff:
      value_ = change(DistributionChange::entropy);
      break;
    case ExitCriterion::kl:
      value_ = change(DistributionChange::kl);
      break;
    case ExitCriterion::minp_kl:
      value_ = change(DistributionChange::minp_kl);
      break;
    case ExitCriterion::latent_diff:
    case ExitCriterion::cosine:
      value_ = ops::latent_change(state, previous_state_, criterion_ == ExitCriterion::cosine);
      previous_state_ = state;
      break;
  }
  return value_;
}

bool ExitRule::stops() const {
  return criterion_ == ExitCriterion::argmax_stability ? value_ >= threshold_ : value_ < threshold_;
}

}  // namespace modr
