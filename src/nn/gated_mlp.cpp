#include "nn/gated_mlp.hpp"

#include "ops/silu_gate.hpp"

namespace modr {

GatedMlp::GatedMlp(const std::string& name, const BlockConfig& config, TensorType type)
    : fc(name + ".fc", config.n_embd, 2 * config.intermediate_size, type),
      proj(name + ".proj", config.intermediate_size, config.n_embd, type) {}

Variable GatedMlp::operator()(const Variable& x, const RowGroups& groups) const {
  return proj(ops::silu_gate(fc(x, groups)), groups);
}

void GatedMlp::collect(ParameterList& parameters) const {
  fc.collect(parameters);
  proj.collect(parameters);
}

}  // namespace modr
