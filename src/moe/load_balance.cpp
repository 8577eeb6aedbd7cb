#include "moe/load_balance.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"

namespace modr {

Tensor update_branch_bias(const Tensor& bias, std::span<const int64_t> counts, double rate) {
  const auto n = static_cast<int64_t>(counts.size());
  MODR_CHECK(bias.shape() == Shape{n}, "{} counts for a bias of {}", n, bias.shape().to_string());
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  std::vector<double> updated = bias.to_vector();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const int64_t difference = total - n * counts[i];  // n (mean - c_i): exact in integers
    updated[i] += rate * (difference > 0 ? 1 : difference < 0 ? -1 : 0);
  }
  return Tensor::from<double>(updated, bias.shape(), bias.dtype()).to(bias.device());
}

double balance_entropy(std::span<const int64_t> counts) {
  const auto total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  double entropy = 0;
  for (int64_t count : counts)
    if (count > 0) entropy -= static_cast<double>(count) / total * std::log2(static_cast<double>(count) / total);
  return entropy;
}

double max_load(std::span<const int64_t> counts) {
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  if (total == 0) return 0;
  return static_cast<double>(*std::ranges::max_element(counts) * std::ssize(counts)) / static_cast<double>(total);
}

}  // namespace modr
