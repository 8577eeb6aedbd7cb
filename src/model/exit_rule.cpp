#include "model/exit_rule.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "base/softmax.hpp"

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
  n_embd_ = initial_state.size(-1);
  previous_state_ = initial_state.to_vector();
  previous_distribution_.assign(static_cast<std::size_t>(vocab_size), 1.0 / static_cast<double>(vocab_size));
  previous_entropy_ = 100;  // upstream's start: no exit at the first recurrence
  previous_argmax_ = -1;
  unchanged_ = 0;
}

bool ExitRule::needs_logits() const {
  return criterion_ != ExitCriterion::latent_diff && criterion_ != ExitCriterion::cosine;
}

namespace {

// Probabilities under a tenth of the largest become 1 / V; then renormalised.
void flatten_tail(std::vector<double>& p) {
  const double bound = 0.1 * *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& value : p) {
    if (value < bound) value = 1.0 / static_cast<double>(p.size());
    sum += value;
  }
  for (double& value : p) value /= sum;
}

double entropy(const std::vector<double>& p) {
  double sum = 0;
  for (double value : p) sum -= value * std::log(value + 1e-10);
  return sum;
}

double kl_divergence(const std::vector<double>& p, const std::vector<double>& q) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) sum += p[i] * (std::log(p[i]) - std::log(q[i]));
  return sum;
}

}  // namespace

double ExitRule::latent_value(const std::vector<double>& state) const {
  const auto width = static_cast<std::size_t>(n_embd_);
  double total = 0;
  for (std::size_t row = 0; row < state.size(); row += width) {
    double difference = 0, norm = 0, before = 0, dot = 0;
    for (std::size_t i = row; i < row + width; ++i) {
      const double x = state[i], y = previous_state_[i];
      difference += (x - y) * (x - y);
      norm += x * x;
      before += y * y;
      dot += x * y;
    }
    total += criterion_ == ExitCriterion::cosine ? dot / std::sqrt(norm * before) : std::sqrt(difference / norm);
  }
  const double mean = total / (static_cast<double>(state.size()) / static_cast<double>(n_embd_));
  return criterion_ == ExitCriterion::cosine ? 1 - mean : mean;
}

double ExitRule::distribution_value(std::vector<double> logits) {
  if (criterion_ == ExitCriterion::argmax_stability) {
    const int64_t argmax = std::max_element(logits.begin(), logits.end()) - logits.begin();
    unchanged_ = argmax == previous_argmax_ ? unchanged_ + 1 : 0;
    previous_argmax_ = argmax;
    return static_cast<double>(unchanged_);
  }
  std::vector<double> p = softmax_in_double(std::span<const double>(logits));
  if (criterion_ == ExitCriterion::entropy_diff) {
    const double now = entropy(p), change = std::abs(now - previous_entropy_);
    previous_entropy_ = now;
    return change;
  }
  if (criterion_ == ExitCriterion::minp_kl) flatten_tail(p);
  const double divergence = kl_divergence(previous_distribution_, p);
  previous_distribution_ = std::move(p);
  return divergence;
}

double ExitRule::update(const Tensor& state, const Tensor& last_logits) {
  if (needs_logits()) {
    value_ = distribution_value(last_logits.to_vector());
  } else {
    std::vector<double> now = state.to_vector();
    value_ = latent_value(now);
    previous_state_ = std::move(now);
  }
  return value_;
}

bool ExitRule::stops() const {
  return criterion_ == ExitCriterion::argmax_stability ? value_ >= threshold_ : value_ < threshold_;
}

}  // namespace modr
