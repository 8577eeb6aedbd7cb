#include "train/loss_guard.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace modr {

namespace {

constexpr std::size_t least_steps = 32;
constexpr double least_loss_deviation = 0.05, least_log_norm_deviation = 0.25;

double logarithm(double norm) { return std::log(std::max(norm, 1e-12)); }

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread_of(const std::deque<double>& values) {
  const auto count = static_cast<double>(values.size());
  Spread spread;
  for (double value : values) spread.mean += value / count;
  for (double value : values) spread.deviation += (value - spread.mean) * (value - spread.mean) / count;
  spread.deviation = std::sqrt(spread.deviation);
  return spread;
}

double z_score(double value, const Spread& spread, double least_deviation) {
  return (value - spread.mean) / std::max(spread.deviation, least_deviation);
}

// Without a NaN's sign, which may differ between ranks.
std::string text_of(double value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

bool is_count(double value) { return value >= 0 && value == std::floor(value) && std::isfinite(value); }

}  // namespace

std::optional<std::string> LossGuard::judge(double loss, double grad_norm) {
  const std::optional<std::string> fault = find_fault(loss, grad_norm);
  if (fault) {
    ++num_skipped_;
    ++skipped_in_a_row_;
  } else {
    skipped_in_a_row_ = 0;
    accept(loss, logarithm(grad_norm));
  }
  return fault;
}

std::optional<std::string> LossGuard::find_fault(double loss, double grad_norm) const {
  if (!std::isfinite(loss)) return fmt::format("its loss is {}", text_of(loss));
  if (!std::isfinite(grad_norm)) return fmt::format("its gradient's norm is {}", text_of(grad_norm));
  if (config_.z_score == 0 || losses_.size() < least_steps) return std::nullopt;
  const Spread losses = spread_of(losses_), log_norms = spread_of(log_norms_);
  if (const double z = z_score(loss, losses, least_loss_deviation); z > config_.z_score)
    return fmt::format("its loss, {:.4g}, is {:.1f} deviations above {:.4g}, the mean of the last {} steps", loss, z,
                       losses.mean, losses_.size());
  if (const double z = z_score(logarithm(grad_norm), log_norms, least_log_norm_deviation); z > config_.z_score)
    return fmt::format("its gradient's norm, {:.4g}, is {:.1f} deviations (of the logarithm) above {:.4g}, the mean of "
                       "the last {} steps",
                       grad_norm, z, std::exp(log_norms.mean), losses_.size());
  return std::nullopt;
}

void LossGuard::accept(double loss, double log_norm) {
  losses_.push_back(loss);
  log_norms_.push_back(log_norm);
  if (std::ssize(losses_) <= config_.window) return;
  losses_.pop_front();
  log_norms_.pop_front();
}

// {skipped, skipped in a row, losses..., logarithms of norms...}
std::vector<double> LossGuard::values() const {
  std::vector<double> values{static_cast<double>(num_skipped_), static_cast<double>(skipped_in_a_row_)};
  values.insert(values.end(), losses_.begin(), losses_.end());
  values.insert(values.end(), log_norms_.begin(), log_norms_.end());
  return values;
}

void LossGuard::restore(std::span<const double> values) {
  LossGuard restored(config_);
  if (!values.empty()) {
    const auto is_finite = [](double value) { return std::isfinite(value); };
    if (values.size() % 2 != 0 || !is_count(values[0]) || !is_count(values[1]) ||
        !std::ranges::all_of(values, is_finite))
      fail("the state of the guard over losses: expected two counts and two lists of finite numbers, found {} numbers",
           values.size());
    restored.num_skipped_ = static_cast<int64_t>(values[0]);
    restored.skipped_in_a_row_ = static_cast<int64_t>(values[1]);
    const std::size_t steps = (values.size() - 2) / 2;
    for (std::size_t i = 0; i < steps; ++i) restored.accept(values[2 + i], values[2 + steps + i]);
  }
  *this = std::move(restored);
}

}  // namespace modr
