#pragma once
// Private to this room: every key of a run file, once. Reading, writing and messages about keys all walk these tables.
#include <array>

#include "config/run_config.hpp"

namespace modr {

/// What reading has to know about a field beyond its type.
enum class FieldKind { optional, required, path };

/// visit_fields(visit, config) calls visit(key, field) or visit(key, field, kind) for each field, in the order that
/// files are written in.
template <typename Visitor>
void visit_fields(Visitor& visit, BranchConfig& c) {
  visit("n_branches", c.n_branches);
  visit("lora_rank", c.lora_rank);
  visit("lora_alpha", c.lora_alpha);
  visit("lora_targets", c.lora_targets);
  visit("unit", c.unit);
  visit("when", c.when);
  visit("score", c.score);
  visit("top_k", c.top_k);
  visit("gate", c.gate);
  visit("bias_update_rate", c.bias_update_rate);
}

template <typename Visitor>
void visit_fields(Visitor& visit, ModelConfig& c) {
  visit("n_embd", c.n_embd, FieldKind::required);
  visit("n_heads", c.n_heads, FieldKind::required);
  visit("intermediate_size", c.intermediate_size, FieldKind::required);
  visit("vocab_size", c.vocab_size, FieldKind::required);
  visit("n_layers_in_prelude", c.n_layers_in_prelude);
  visit("n_layers_in_recurrent_block", c.n_layers_in_recurrent_block);
  visit("n_layers_in_coda", c.n_layers_in_coda);
  visit("block_size", c.block_size);
  visit("qk_bias", c.qk_bias);
  visit("tie_embeddings", c.tie_embeddings);
  visit("norm_eps", c.norm_eps);
  visit("rope_base", c.rope_base);
  visit("emb_scale", c.emb_scale);
  visit("state_init_std", c.state_init_std);
  visit("mean_recurrence", c.mean_recurrence);
  visit("mean_backprop_depth", c.mean_backprop_depth);
  visit("branches", c.branches);
}

template <typename Visitor>
void visit_fields(Visitor& visit, DatasetConfig& c) {
  visit("train", c.train, FieldKind::path);
  visit("format", c.format);
  visit("tokenizer", c.tokenizer, FieldKind::path);
  visit("prompt", c.prompt);
  visit("loss_on", c.loss_on);
  visit("packing", c.packing);
  visit("max_seq_len", c.max_seq_len);
  visit("pad_multiple", c.pad_multiple);
}

template <typename Visitor>
void visit_fields(Visitor& visit, OptimConfig& c) {
  visit("lr", c.lr);
  visit("beta1", c.beta1);
  visit("beta2", c.beta2);
  visit("eps", c.eps);
  visit("weight_decay", c.weight_decay);
  visit("decay_vectors", c.decay_vectors);
  visit("clip_norm", c.clip_norm);
  visit("warmup_steps", c.warmup_steps);
  visit("decay_steps", c.decay_steps);
  visit("decay_fraction", c.decay_fraction);
  visit("decay_shape", c.decay_shape);
  visit("min_lr", c.min_lr);
}

template <typename Visitor>
void visit_fields(Visitor& visit, GuardConfig& c) {
  visit("window", c.window);
  visit("z_score", c.z_score);
  visit("max_skipped", c.max_skipped);
}

template <typename Visitor>
void visit_fields(Visitor& visit, TrainConfig& c) {
  visit("mode", c.mode);
  visit("trainable", c.trainable);
  visit("init_from", c.init_from, FieldKind::path);
  visit("output", c.output);
  visit("steps", c.steps);
  visit("global_batch", c.global_batch);
  visit("microbatch", c.microbatch);
  visit("num_steps_no_grad", c.num_steps_no_grad);
  visit("num_steps_with_grad", c.num_steps_with_grad);
  visit("recompute", c.recompute);
  visit("dtype", c.dtype);
  visit("device", c.device);
  visit("log_every", c.log_every);
  visit("checkpoint_every", c.checkpoint_every);
  visit("keep_checkpoints", c.keep_checkpoints);
  visit("keep_every", c.keep_every);
  visit("async_save", c.async_save);
  visit("stop_margin_s", c.stop_margin_s);
  visit("guard", c.guard);
}

template <typename Visitor>
void visit_fields(Visitor& visit, StageRanks& c) {
  visit("prelude", c.prelude);
  visit("recurrence", c.recurrence);
  visit("coda", c.coda);
}

template <typename Visitor>
void visit_fields(Visitor& visit, ParallelConfig& c) {
  visit("data", c.data);
  visit("stages", c.stages);
  visit("branch", c.branch);
  visit("placement", c.placement);
  visit("merge_up_to", c.merge_up_to);
  visit("schedule", c.schedule);
  visit("timeout_s", c.timeout_s);
}

template <typename Visitor>
void visit_fields(Visitor& visit, RunConfig& c) {
  visit("name", c.name);
  visit("seed", c.seed);
  visit("model", c.model);
  visit("data", c.data);
  visit("optim", c.optim);
  visit("train", c.train);
  visit("parallel", c.parallel);
}

/// A struct with a table above.
template <typename T>
concept Section = requires(T& config, void (&visit)(...)) { visit_fields(visit, config); };

/// The values that a field of an enum type can have; files hold their name_of().
template <typename Enum>
inline constexpr int choices = 0;
template <>
inline constexpr std::array choices<RouteUnit>{RouteUnit::sequence, RouteUnit::token};
template <>
inline constexpr std::array choices<RouteWhen>{RouteWhen::forward, RouteWhen::recurrence};
template <>
inline constexpr std::array choices<RouteScore>{RouteScore::sigmoid, RouteScore::softmax};
template <>
inline constexpr std::array choices<ops::Gate>{ops::Gate::raw, ops::Gate::straight_through};
template <>
inline constexpr std::array choices<DataFormat>{DataFormat::automatic, DataFormat::gsm8k, DataFormat::llm_adapters,
                                                DataFormat::aqua};
template <>
inline constexpr std::array choices<PromptStyle>{PromptStyle::plain, PromptStyle::chat};
template <>
inline constexpr std::array choices<LossOn>{LossOn::all, LossOn::answer};
template <>
inline constexpr std::array choices<Packing>{Packing::none, Packing::pack};
template <>
inline constexpr std::array choices<DecayShape>{DecayShape::linear, DecayShape::cosine};
template <>
inline constexpr std::array choices<TrainMode>{TrainMode::pretrain, TrainMode::lora, TrainMode::modr};
template <>
inline constexpr std::array choices<Trainable>{Trainable::all, Trainable::branches};
template <>
inline constexpr std::array choices<Recompute>{Recompute::none, Recompute::block, Recompute::recurrence};
template <>
inline constexpr std::array choices<Placement>{Placement::replicate, Placement::exchange, Placement::automatic};
template <>
inline constexpr std::array choices<PipelineOrder>{PipelineOrder::one_f_one_b, PipelineOrder::gpipe};
template <>
inline constexpr std::array choices<DType>{DType::f32, DType::f64, DType::bf16};

}  // namespace modr
