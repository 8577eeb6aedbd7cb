#pragma once
// Softmax of one row in double, whatever the logits are of: where single rows are looked at rather than computed on.
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace modr {

namespace detail {

template <typename T>
double largest_of(std::span<const T> logits) {
  return static_cast<double>(*std::ranges::max_element(logits));
}

}  // namespace detail

/// log softmax(logits)[idx]; NaN as soon as one of the logits is. There must be at least one.
template <typename T>
double log_softmax_at(std::span<const T> logits, std::size_t idx) {
  const double largest = detail::largest_of(logits);
  double sum = 0;
  for (T logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return static_cast<double>(logits[idx]) - largest - std::log(sum);
}

/// softmax(logits), which must not be empty.
template <typename T>
std::vector<double> softmax_in_double(std::span<const T> logits) {
  const double largest = detail::largest_of(logits);
  std::vector<double> p(logits.size());
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] = std::exp(static_cast<double>(logits[i]) - largest);
  for (double& value : p) value /= sum;
  return p;
}

}  // namespace modr
