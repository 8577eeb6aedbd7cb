#include <cmath>

#include "base/hash.hpp"
#include "base/philox.hpp"
#include "model/modr_model.hpp"

namespace modr {

namespace {

void fill_truncated_normal(const Tensor& tensor, double std, PhiloxSequence& rng) {
  visit_exact_dtype(tensor.dtype(), [&]<typename T>() {
    for (T& value : tensor.span<T>()) value = static_cast<T>(std * rng.truncated_normal(3));
  });
  tensor.changed();
}

// Kaiming uniform with a = sqrt(5): bound 1 / sqrt(fan_in). Rows of a larger tensor get the numbers they have there.
void fill_kaiming_uniform(const Tensor& tensor, int64_t first_row, PhiloxSequence& rng) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(tensor.size(-1)));
  const int64_t before = first_row * tensor.size(1) * tensor.size(2);
  for (int64_t i = 0; i < before; ++i) rng.uniform();
  visit_exact_dtype(tensor.dtype(), [&]<typename T>() {
    for (T& value : tensor.span<T>()) value = static_cast<T>(bound * (2 * rng.uniform() - 1));
  });
  tensor.changed();
}

// Output projections and the gated half of fc start smaller by sqrt(2 * effective depth).
void initialize_weight(const Parameter& parameter, const ModelConfig& config, PhiloxSequence& rng) {
  const Tensor& tensor = parameter.variable.value();
  const double std = config.init_std();
  const double depth = static_cast<double>(config.n_layers_in_prelude + config.n_layers_in_coda +
                                           config.n_layers_in_recurrent_block * config.mean_recurrence);
  const double small = std / std::sqrt(2 * depth);
  const std::string& name = parameter.name;
  if (name.ends_with(".proj.weight")) {
    fill_truncated_normal(tensor, small, rng);
  } else if (name.ends_with(".fc.weight")) {
    const int64_t half = tensor.size(0) / 2;
    fill_truncated_normal(tensor.slice(0, 0, half), std, rng);
    fill_truncated_normal(tensor.slice(0, half, 2 * half), small, rng);
  } else {
    fill_truncated_normal(tensor, std, rng);
  }
}

void initialize_parameter(const Parameter& parameter, const ModelConfig& config, uint64_t seed) {
  // Keyed by name: the numbers do not depend on the place in the list.
  PhiloxSequence rng(seed, RandomStream::init, fnv1a(parameter.name));
  const Tensor& tensor = parameter.variable.value();
  const std::string& name = parameter.name;
  if (name.ends_with(".lora_A")) {
    fill_kaiming_uniform(tensor, parameter.first_row, rng);
  } else if (name.ends_with(".lora_B") || name.ends_with(".qk_bias")) {
    tensor.fill(0);
  } else if (tensor.rank() == 1) {
    tensor.fill(1);
  } else {
    initialize_weight(parameter, config, rng);
  }
}

}  // namespace

void ModrModel::initialize(uint64_t seed) {
  for (const Parameter& parameter : parameters_) initialize_parameter(parameter, config_, seed);
  if (router_bias().defined()) router_bias().fill(0);
}

}  // namespace modr
