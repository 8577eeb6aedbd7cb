#include "model/coda.hpp"

#include "ops/linear_cross_entropy.hpp"

namespace modr {

Coda::Coda(const ModelConfig& config, const Variable& embedding, TensorType weights)
    : ln_f_("transformer.ln_f", config.n_embd, config.norm_eps, exact(weights)),
      blocks_(make_blocks("transformer.coda", config.n_layers_in_coda, config.block(), weights)),
      tied_(config.tie_embeddings),
      head_(tied_ ? Linear("lm_head", embedding, 0, config.n_embd)
                  : Linear("lm_head", config.n_embd, config.vocab_size, weights)) {}

Variable Coda::features(const Variable& normed_state, const BlockContext& context) const {
  return ln_f_(run_blocks(blocks_, normed_state, context));
}

Variable Coda::head(const Variable& features) const { return head_.exactly(features); }

Variable Coda::loss(const Variable& features, const Indices& labels, double weight) const {
  return ops::linear_cross_entropy(features, head_.weight(), labels, weight);
}

void Coda::pack(DType dtype, bool with_backward) {
  for (SandwichBlock& block : blocks_) block.pack(dtype, with_backward);
  if (!with_backward) head_.pack(dtype, false);
}

void Coda::collect(ParameterList& parameters) const {
  for (const SandwichBlock& block : blocks_) block.collect(parameters);
  ln_f_.collect(parameters);
  if (!tied_) head_.collect(parameters);
}

}  // namespace modr
