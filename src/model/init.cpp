#include <cmath>

#include "base/hash.hpp"
#include "base/philox.hpp"
#include "model/modr_model.hpp"
#include "moe/lora_branches.hpp"
#include "tensor/random_fill.hpp"

namespace modr {

namespace {

constexpr double limit = 3;  // standard deviations

// Calls fill(tensor), or, where that is packed, fill(rows) of rows that it then takes.
template <typename F>
void fill_rows(const Tensor& tensor, F fill) {
  if (!tensor.is_packed()) return fill(tensor);
  const Tensor drawn = Tensor::empty(tensor.shape(), tensor.type());
  fill(drawn);
  tensor.copy_from(drawn);
}

// Kaiming uniform with a = sqrt(5): bound 1 / sqrt(fan_in). Rows of a larger tensor get the numbers they have there.
void initialize_adapter(const Parameter& parameter, const PhiloxStream& stream) {
  const Tensor& tensor = parameter.variable.value();
  const double bound = 1.0 / std::sqrt(static_cast<double>(tensor.size(-1)));
  fill_uniform(tensor, stream, parameter.first_row * tensor.size(1) * tensor.size(2), bound);
}

// Output projections and the gated half of fc start smaller by sqrt(2 * effective depth).
void initialize_weight(const Parameter& parameter, const ModelConfig& config, const PhiloxStream& stream) {
  const Tensor& tensor = parameter.variable.value();
  const double std = config.init_std();
  const double depth = static_cast<double>(config.n_layers_in_prelude + config.n_layers_in_coda +
                                           config.n_layers_in_recurrent_block * config.mean_recurrence);
  const double small = std / std::sqrt(2 * depth);
  const std::string& name = parameter.name;
  kernels::NormalScale scale{std};
  if (name.ends_with(".proj.weight"))
    scale.std = small;
  else if (name.ends_with(".fc.weight"))
    scale = {std, tensor.numel() / 2, small};
  fill_rows(tensor, [&](const Tensor& values) { fill_truncated_normal(values, stream, scale, limit); });
}

void initialize_parameter(const Parameter& parameter, const ModelConfig& config, uint64_t seed) {
  // Keyed by name: the numbers do not depend on the place in the list.
  const PhiloxStream stream(seed, RandomStream::init, fnv1a(parameter.name));
  const Tensor& tensor = parameter.variable.value();
  const std::string& name = parameter.name;
  if (name.ends_with(".lora_A")) {
    initialize_adapter(parameter, stream);
  } else if (name.ends_with(".lora_B") || name.ends_with(".qk_bias")) {
    tensor.fill(0);
  } else if (tensor.rank() == 1) {
    tensor.fill(1);
  } else {
    initialize_weight(parameter, config, stream);
  }
}

}  // namespace

void ModrModel::initialize(uint64_t seed, Trainable which) {
  for (const Parameter& parameter : parameters_)
    if (which == Trainable::all || is_branch_parameter(parameter.name)) initialize_parameter(parameter, config_, seed);
  if (router_bias().defined()) router_bias().fill(0);
}

}  // namespace modr
