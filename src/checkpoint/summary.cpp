#include "checkpoint/summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "base/error.hpp"

namespace modr {

namespace {

// sum over t of x[i, t] * x[j, t] for all i, j < rank, where x[i, t] stands at i * row_step + t * column_step.
std::vector<double> gram(const double* x, int64_t rank, int64_t columns, int64_t row_step, int64_t column_step) {
  std::vector<double> result(static_cast<std::size_t>(rank * rank), 0.0);
  for (int64_t t = 0; t < columns; ++t) {
    const double* column = x + t * column_step;
    for (int64_t i = 0; i < rank; ++i)
      for (int64_t j = 0; j < rank; ++j)
        result[static_cast<std::size_t>(i * rank + j)] += column[i * row_step] * column[j * row_step];
  }
  return result;
}

LoraSummary summarise_lora(const CheckpointReader& reader, const std::string& target, const Tensor& a) {
  const Tensor b = reader.read_weight(target + ".lora_B", DType::f64);
  if (a.rank() != 3 || b.rank() != 3 || a.size(0) != b.size(0) || a.size(1) != b.size(2))
    fail("{}: weights/{}: lora_A {} and lora_B {} do not fit, expected [N, R, in] and [N, out, R]",
         reader.path().string(), target, a.shape().to_string(), b.shape().to_string());
  return {target, a.size(1), lora_product_norms(a, b)};
}

}  // namespace

TensorStats stats_of(const Tensor& tensor) {
  TensorStats stats;
  double sum = 0, squares = 0;
  stats.min = std::numeric_limits<double>::infinity();
  stats.max = -stats.min;
  const Tensor values = tensor.contiguous();
  visit_dtype(values.dtype(), [&]<typename T>() {
    for (const T stored : values.span<T>()) {
      const auto value = static_cast<double>(stored);
      if (!std::isfinite(value)) {
        ++stats.num_not_finite;
        continue;
      }
      sum += value;
      squares += value * value;
      stats.min = std::min(stats.min, value);
      stats.max = std::max(stats.max, value);
    }
  });
  const auto count = static_cast<double>(values.numel() - stats.num_not_finite);
  if (count == 0) return {0, 0, 0, 0, 0, stats.num_not_finite};
  stats.norm = std::sqrt(squares);
  stats.mean = sum / count;
  stats.deviation = std::sqrt(std::max(squares / count - stats.mean * stats.mean, 0.0));
  return stats;
}

std::vector<double> lora_product_norms(const Tensor& a, const Tensor& b) {
  MODR_CHECK(a.rank() == 3 && b.rank() == 3 && a.size(0) == b.size(0) && a.size(1) == b.size(2),
             "lora_A {}, lora_B {}", a.shape().to_string(), b.shape().to_string());
  const std::vector<double> a_values = a.to_vector(), b_values = b.to_vector();
  const int64_t rank = a.size(1), in = a.size(2), out = b.size(1);
  std::vector<double> norms;
  for (int64_t branch = 0; branch < a.size(0); ++branch) {
    // ||BA||^2 = tr(A^T B^T B A) = sum of the products of the entries of B^T B and A A^T (both symmetric).
    const std::vector<double> aat = gram(a_values.data() + branch * rank * in, rank, in, in, 1);
    const std::vector<double> btb = gram(b_values.data() + branch * out * rank, rank, out, 1, rank);
    double square = 0;
    for (std::size_t i = 0; i < aat.size(); ++i) square += aat[i] * btb[i];
    norms.push_back(std::sqrt(std::max(square, 0.0)));
  }
  return norms;
}

int64_t CheckpointSummary::num_values(bool trainable) const {
  int64_t count = 0;
  for (const WeightSummary& weight : weights)
    if (weight.trainable == trainable) count += weight.shape.numel();
  return count;
}

CheckpointSummary summarise(const CheckpointReader& reader, bool with_optimizer) {
  constexpr std::string_view kLoraA = ".lora_A";
  CheckpointSummary result;
  for (const std::string& name : reader.weight_names()) {
    WeightSummary weight{name, reader.weight_shape(name), reader.weight_type(name), reader.is_trainable(name), {}};
    const Tensor values = reader.read_weight_as_stored(name);
    weight.stats = stats_of(values);
    result.weights_digest += digest_of("weights/" + name, weight.type, values);
    if (name.ends_with(kLoraA))
      result.lora.push_back(summarise_lora(reader, name.substr(0, name.size() - kLoraA.size()), values));
    if (name == "transformer.router.bias") result.router_bias = values.to_vector();
    result.weights.push_back(std::move(weight));
  }
  for (const std::string& name : reader.optimizer_names()) {
    ++result.num_optimizer_tensors;
    result.num_optimizer_values += reader.optimizer_shape(name).numel();
    if (!with_optimizer) continue;
    const Tensor values = reader.read_optimizer_tensor(name);
    result.optimizer_digest += digest_of("optimizer/" + name, name_of(values.dtype()), values);
  }
  return result;
}

}  // namespace modr
