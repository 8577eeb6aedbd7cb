#include "model/modr_model.hpp"

#include "base/error.hpp"
#include "moe/lora_branches.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/rope.hpp"

namespace modr {

namespace {

const ModelConfig& validated(const ModelConfig& config) {
  config.validate();
  return config;
}

}  // namespace

ModrModel::ModrModel(const ModelConfig& config, DType dtype)
    : prelude(validated(config), dtype),
      core(config, dtype),
      coda(config, prelude.embedding(), dtype),
      config_(config),
      dtype_(dtype),
      rope_table_(ops::rope_table(config.block_size, config.head_dim(), config.rope_base)) {
  prelude.collect(parameters_);
  core.collect(parameters_);
  coda.collect(parameters_);
}

ForwardOutput ModrModel::forward(const TokenBatch& batch, const Variable& initial_state,
                                 const ForwardOptions& options) const {
  const int64_t rows = batch.batch * batch.seq;
  MODR_CHECK(static_cast<int64_t>(batch.ids->size()) == rows, "{} ids for {} x {}", batch.ids->size(), batch.batch,
             batch.seq);
  if (batch.seq > config_.block_size)
    fail("a sequence of {} tokens is longer than the model's block size {}", batch.seq, config_.block_size);
  const Indices positions = sequence_positions(batch.batch, batch.seq);
  const BlockContext block{uniform_offsets(batch.batch, batch.seq), rope_table_, positions, nullptr, nullptr, nullptr};
  const Variable embedded = prelude.embed(batch.ids);
  const Variable e = prelude(embedded, block);
  CoreContext context;
  context.seq = batch.seq;
  context.mask = batch.mask;
  context.rope_table = rope_table_;
  context.positions = positions;
  context.recompute = options.recompute;
  if (options.trace != nullptr) context.latents = &options.trace->latents;
  CoreOutput core_output = core(e, initial_state, options.depth, context);
  const Variable normed = coda.normed(core_output.state);
  const Variable features = coda.features(normed, block);
  if (options.trace != nullptr) {
    options.trace->embedded = embedded.value();
    options.trace->prelude_out = e.value();
    options.trace->final_normed = normed.value();
    options.trace->head_in = features.value();
  }
  return {coda.head(features), std::move(core_output.decisions)};
}

Variable ModrModel::loss(const Variable& logits, const TokenBatch& batch, double weight) const {
  return ops::cross_entropy(logits, batch.labels, weight);
}

void ModrModel::set_trainable(Trainable which) {
  for (const Parameter& parameter : parameters_)
    parameter.variable.set_requires_grad(which == Trainable::all || is_branch_parameter(parameter.name));
}

Tensor ModrModel::router_bias() const { return core.router() ? core.router()->bias() : Tensor(); }

void ModrModel::set_rope_table(Tensor table) {
  MODR_CHECK(table.shape() == rope_table_.shape() && table.dtype() == DType::f32, "a RoPE table of {} instead of {}",
             table.shape().to_string(), rope_table_.shape().to_string());
  rope_table_ = std::move(table);
}

}  // namespace modr
