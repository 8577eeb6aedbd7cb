#include "model/prelude.hpp"

#include "ops/embedding.hpp"

namespace modr {

Prelude::Prelude(const ModelConfig& config, const Variable& embedding, DType dtype, TensorType weights)
    : scale_(config.embedding_scale()),
      dtype_(dtype),
      wte_(embedding),
      blocks_(make_blocks("transformer.prelude", config.n_layers_in_prelude, config.block(), weights)) {}

Variable Prelude::embed(const Indices& ids) const {
  for (int32_t id : *ids)
    if (id < 0 || id >= wte_.size(0)) fail("token id {} is outside the model's vocabulary of {}", id, wte_.size(0));
  return ops::embedding(ids, wte_, scale_, dtype_);
}

Variable Prelude::operator()(const Variable& embedded, const BlockContext& context) const {
  return run_blocks(blocks_, embedded, context);
}

void Prelude::pack(DType dtype, bool with_backward) {
  for (SandwichBlock& block : blocks_) block.pack(dtype, with_backward && wte_.requires_grad());
}

void Prelude::collect(ParameterList& parameters) const {
  for (const SandwichBlock& block : blocks_) block.collect(parameters);
}

}  // namespace modr
