#include "kernels/api/exit_change.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "base/dtype.hpp"
#include "base/softmax.hpp"

namespace modr::kernels {

template <typename T>
void latent_change(Cpu, const T* x, const T* before, int64_t rows, int64_t width, bool cosine, double* value) {
  double total = 0;
  for (int64_t row = 0; row < rows; ++row, x += width, before += width) {
    double difference = 0, norm = 0, norm_before = 0, dot = 0;
    for (int64_t i = 0; i < width; ++i) {
      const auto a = static_cast<double>(x[i]), b = static_cast<double>(before[i]);
      difference += (a - b) * (a - b);
      norm += a * a;
      norm_before += b * b;
      dot += a * b;
    }
    total += cosine ? dot / std::sqrt(norm * norm_before) : std::sqrt(difference / norm);
  }
  const double mean = total / static_cast<double>(rows);
  *value = cosine ? 1 - mean : mean;
}
template void latent_change(Cpu, const float*, const float*, int64_t, int64_t, bool, double*);
template void latent_change(Cpu, const double*, const double*, int64_t, int64_t, bool, double*);
template void latent_change(Cpu, const bfloat16*, const bfloat16*, int64_t, int64_t, bool, double*);

namespace {

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

double kl_divergence(const double* p, const std::vector<double>& q) {
  double sum = 0;
  for (std::size_t i = 0; i < q.size(); ++i)
    if (p[i] > 0) sum += p[i] * (std::log(p[i]) - std::log(q[i]));
  return sum;
}

}  // namespace

template <typename T>
void distribution_change(Cpu, const T* logits, int64_t n, DistributionChange what, double* before, double* value) {
  std::vector<double> p = softmax_in_double(std::span<const T>(logits, static_cast<std::size_t>(n)));
  if (what == DistributionChange::entropy) {
    const double now = entropy(p);
    *value = std::abs(now - *before);
    *before = now;
    return;
  }
  if (what == DistributionChange::minp_kl) flatten_tail(p);
  *value = kl_divergence(before, p);
  std::ranges::copy(p, before);
}
template void distribution_change(Cpu, const float*, int64_t, DistributionChange, double*, double*);
template void distribution_change(Cpu, const double*, int64_t, DistributionChange, double*, double*);

}  // namespace modr::kernels
