#include "nn/sandwich_block.hpp"

namespace modr {

namespace {

RmsNorm norm(const std::string& block, int index, const BlockConfig& config, TensorType type) {
  return RmsNorm(fmt::format("{}.norm_{}", block, index), config.n_embd, config.norm_eps, exact(type));
}

}  // namespace

SandwichBlock::SandwichBlock(const std::string& name, int64_t layer, const BlockConfig& config, TensorType type)
    : attention(name + ".attn", config, type),
      mlp(name + ".mlp", config, type),
      layer_(layer),
      norms_{norm(name, 1, config, type), norm(name, 2, config, type), norm(name, 3, config, type),
             norm(name, 4, config, type)} {}

Variable SandwichBlock::operator()(const Variable& x, const BlockContext& context) const {
  if (makes_rows(x, context.groups)) return decode(x, context);
  const Variable attended = norms_[1](attention(norms_[0](x), context, layer_), x);
  return norms_[3](mlp(norms_[2](attended), context.groups), attended);
}

bool SandwichBlock::makes_rows(const Variable& x, const RowGroups& groups) const {
  for (const Linear* linear : {&attention.qkv, &mlp.fc, &mlp.proj})
    if (!linear->makes_rows(x, groups)) return false;
  return true;
}

// The same where products make their rows themselves: of the norms and the gate the last norm alone is a kernel.
Variable SandwichBlock::decode(const Variable& x, const BlockContext& context) const {
  const RowGroups& groups = context.groups;
  const double eps = norms_[0].eps();
  const Variable fused = attention.qkv.of_made({.x = x, .norm = norms_[0].weight(), .eps = eps}, groups);
  const Variable half = attention.proj(attention.attend(fused, context, layer_), groups);
  const Variable attended(Tensor::empty(x.shape(), x.type()));
  const Variable gate = mlp.fc.of_made({.x = half,
                                        .residual = x,
                                        .outer = norms_[1].weight(),
                                        .kept = attended.value(),
                                        .norm = norms_[2].weight(),
                                        .eps = eps},
                                       groups);
  return norms_[3](mlp.proj.of_made({.x = gate, .gate = true}, groups), attended);
}

void SandwichBlock::pack(DType dtype, bool with_backward, bool merged) {
  for (Linear* linear : {&attention.qkv, &attention.proj, &mlp.fc, &mlp.proj}) {
    if (merged) linear->pack_merged(dtype, with_backward);
    else linear->pack(dtype, with_backward);
  }
}

void SandwichBlock::collect(ParameterList& parameters) const {
  attention.collect(parameters);
  mlp.collect(parameters);
  for (const RmsNorm& each : norms_) each.collect(parameters);
}

std::vector<SandwichBlock> make_blocks(const std::string& name, int64_t count, const BlockConfig& config,
                                       TensorType type) {
  std::vector<SandwichBlock> blocks;
  for (int64_t layer = 0; layer < count; ++layer)
    blocks.emplace_back(fmt::format("{}.{}", name, layer), layer, config, type);
  return blocks;
}

Variable run_blocks(const std::vector<SandwichBlock>& blocks, Variable x, const BlockContext& context) {
  for (const SandwichBlock& block : blocks) {
    const auto run = [&block, context](const std::vector<Variable>& in) { return block(in[0], context); };
    x = context.recompute ? recompute(run, {x}) : run({x});
  }
  return x;
}

}  // namespace modr
