#include "model/modr_model.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "moe/lora_branches.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/matmul.hpp"
#include "ops/rope.hpp"

namespace modr {

namespace {

const ModelConfig& validated(const ModelConfig& config) {
  config.validate();
  return config;
}

int64_t longest_piece(const DeviceArray<int64_t>& offsets) {
  int64_t longest = 0;
  for (std::size_t i = 1; i < offsets.size(); ++i) longest = std::max(longest, offsets[i] - offsets[i - 1]);
  return longest;
}

}  // namespace

ModrModel::ModrModel(const ModelConfig& config, TensorType type, Trainable which, ModelPart part)
    : config_(validated(config)), part_(part), type_(type) {
  const MemoryUse use("weights");
  const TensorType weights = which == Trainable::all ? exact(type) : type;
  rope_table_ = ops::rope_table(config.block_size, config.head_dim(), config.rope_base, type.device);
  if (part.prelude || (part.coda && config.tie_embeddings)) {
    embedding_ = new_embedding(weights);
    parameters_.push_back({"transformer.wte.weight", embedding_});
  }
  if (part.prelude) prelude_.emplace(config, embedding_, type.dtype, weights).collect(parameters_);
  if (part.core)
    core_.emplace(config, part.branches.value_or(Slice{0, config.branches.n_branches}), weights).collect(parameters_);
  if (part.coda) coda_.emplace(config, embedding_, weights).collect(parameters_);
  for (const Parameter& parameter : parameters_)
    parameter.variable.set_requires_grad(which == Trainable::all ||
                                         (which == Trainable::branches && is_branch_parameter(parameter.name)));
}

Variable ModrModel::new_embedding(TensorType weights) const {
  const Shape shape{config_.vocab_size, config_.n_embd};
  const bool is_head = part_.coda && config_.tie_embeddings;
  if (is_head && weights.dtype == DType::bf16 && ops::packed_is_open(weights.device))
    return Variable(Tensor::packed(shape, weights.device));
  return Variable(Tensor::zeros(shape, weights));
}

const Prelude& ModrModel::prelude() const {
  MODR_CHECK(prelude_, "this rank holds no {}", "prelude");
  return *prelude_;
}

const RecurrentCore& ModrModel::core() const {
  MODR_CHECK(core_, "this rank holds no {}", "recurrent core");
  return *core_;
}

RecurrentCore& ModrModel::core() {
  MODR_CHECK(core_, "this rank holds no {}", "recurrent core");
  return *core_;
}

const Coda& ModrModel::coda() const {
  MODR_CHECK(coda_, "this rank holds no {}", "coda");
  return *coda_;
}

BlockContext ModrModel::block_context(const TokenBatch& batch, Recompute recompute) const {
  const Offsets sequences = batch.sequences();
  const bool again = recompute == Recompute::block;
  return {sequences, rope_table_, sequence_positions(sequences), nullptr, nullptr, nullptr, again};
}

ForwardOutput ModrModel::forward(const TokenBatch& batch, const Variable& initial_state,
                                 const ForwardOptions& options) const {
  const Variable e = run_prelude(batch, options);
  CoreOutput core_output = run_core(e, batch, initial_state, options);
  return {run_coda(core_output.state, batch, options), std::move(core_output.decisions)};
}

Variable ModrModel::run_prelude(const TokenBatch& batch, const ForwardOptions& options) const {
  const int64_t rows = batch.batch * batch.seq;
  MODR_CHECK(static_cast<int64_t>(batch.ids->size()) == rows, "{} ids for {} x {}", batch.ids->size(), batch.batch,
             batch.seq);
  if (const int64_t longest = longest_piece(*batch.sequences()); longest > config_.block_size)
    fail("a sequence of {} tokens is longer than the model's block size {}", longest, config_.block_size);
  const Variable embedded = prelude().embed(batch.ids);
  const Variable e = prelude()(embedded, block_context(batch, options.recompute));
  if (options.trace != nullptr) {
    options.trace->embedded = embedded.value();
    options.trace->prelude_out = e.value();
  }
  return e;
}

CoreOutput ModrModel::run_core(const Variable& e, const TokenBatch& batch, const Variable& initial_state,
                               const ForwardOptions& options) const {
  CoreContext context;
  context.sequences = batch.sequences();
  context.mask = batch.mask;
  context.rope_table = rope_table_;
  context.positions = sequence_positions(context.sequences);
  context.recompute = options.recompute;
  if (options.trace != nullptr) context.latents = &options.trace->latents;
  return core()(e, initial_state, options.depth, context);
}

Variable ModrModel::run_coda(const Variable& state, const TokenBatch& batch, const ForwardOptions& options) const {
  const Variable normed = coda().normed(state);
  const Variable features = coda().features(normed, block_context(batch, options.recompute));
  if (options.trace != nullptr) {
    options.trace->final_normed = normed.value();
    options.trace->head_in = features.value();
  }
  return coda().head(features);
}

Variable ModrModel::loss(const Variable& logits, const TokenBatch& batch, double weight) const {
  return ops::cross_entropy(logits, batch.labels, weight);
}

Variable ModrModel::loss_of_state(const Variable& state, const TokenBatch& batch, double weight,
                                  Recompute recompute) const {
  const Variable features = coda().features(coda().normed(state), block_context(batch, recompute));
  return coda().loss(features, batch.labels, weight);
}

void ModrModel::pack_weights(const PackOptions& options) {
  const MemoryUse use("packed weights");
  if (prelude_) prelude_->pack(type_.dtype, options.with_backward);
  if (core_) core_->pack(type_.dtype, options);
  if (coda_) coda_->pack(type_.dtype, options.with_backward);
}

Tensor ModrModel::router_bias() const { return core_ && core_->router() ? core_->router()->bias() : Tensor(); }

void ModrModel::set_rope_table(Tensor table) {
  MODR_CHECK(table.shape() == rope_table_.shape() && table.dtype() == DType::f32, "a RoPE table of {} instead of {}",
             table.shape().to_string(), rope_table_.shape().to_string());
  rope_table_ = std::move(table);
}

}  // namespace modr
