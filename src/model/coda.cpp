#include "model/coda.hpp"

#include "ops/linear.hpp"

namespace modr {

Coda::Coda(const ModelConfig& config, const Variable& embedding, DType dtype)
    : ln_f_("transformer.ln_f", config.n_embd, config.norm_eps, dtype),
      blocks_(make_blocks("transformer.coda", config.n_layers_in_coda, config.block(), dtype)),
      tied_(config.tie_embeddings),
      head_(tied_ ? embedding : Variable(Tensor::zeros({config.vocab_size, config.n_embd}, dtype), true)) {}

Variable Coda::features(const Variable& normed_state, const BlockContext& context) const {
  return ln_f_(run_blocks(blocks_, normed_state, context));
}

Variable Coda::head(const Variable& features) const { return ops::linear(features, head_); }

void Coda::collect(ParameterList& parameters) const {
  for (const SandwichBlock& block : blocks_) block.collect(parameters);
  ln_f_.collect(parameters);
  if (!tied_) parameters.push_back({"lm_head.weight", head_});
}

}  // namespace modr
