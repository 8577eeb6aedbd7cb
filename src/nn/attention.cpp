#include "nn/attention.hpp"

#include "ops/rope.hpp"

namespace modr {

Attention::Attention(const std::string& name, const BlockConfig& config, TensorType type)
    : qkv(name + ".Wqkv", config.n_embd, 3 * config.n_embd, type),
      proj(name + ".proj", config.n_embd, config.n_embd, type),
      name_(name),
      n_heads_(config.n_heads) {
  if (config.qk_bias) qk_bias_ = Variable(Tensor::zeros({2, 1, config.n_heads, config.head_dim()}, exact(type)), true);
}

Variable Attention::operator()(const Variable& x, const BlockContext& context, int64_t layer) const {
  return proj(attend(qkv(x, context.groups), context, layer), context.groups);
}

Variable Attention::attend(Variable fused, const BlockContext& context, int64_t layer) const {
  if (context.relay != nullptr) fused = context.relay->bring_home(fused);
  fused = ops::rope(fused, qk_bias_, context.rope_table, context.positions);
  Variable attended;
  if (context.cache == nullptr) {
    attended = ops::causal_attention(fused, context.sequences, n_heads_);
  } else {
    const ops::CachedTokens past = context.cache->past(layer);
    attended = past.max_past == 0 ? ops::causal_attention(fused, context.sequences, n_heads_)
                                  : ops::cached_attention(fused, context.sequences, n_heads_, past);
    context.cache->store(layer, fused.value());
  }
  if (context.relay != nullptr) attended = context.relay->send_back(attended);
  return attended;
}

void Attention::collect(ParameterList& parameters) const {
  qkv.collect(parameters);
  if (qk_bias_.defined()) parameters.push_back({name_ + ".qk_bias", qk_bias_});
  proj.collect(parameters);
}

}  // namespace modr
