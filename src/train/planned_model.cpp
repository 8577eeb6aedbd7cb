#include "train/planned_model.hpp"

#include <algorithm>

#include "kernels/api/packed_gemm.hpp"

namespace modr {

PlannedModel::PlannedModel(PlannedTape& tape, const ModelConfig& config, const PlannedModelOptions& options,
                           bool optimizer)
    : tape_(tape),
      config_(config),
      options_(options),
      optimizer_(optimizer),
      branches_here_(options.part.branches ? options.part.branches->count() : config.branches.n_branches) {
  const int64_t e = config.n_embd;
  held_.push_back(tape.take("weights", config.block_size * config.head_dim() * 4));  // RoPE
  if (options.part.prelude || (options.part.coda && config.tie_embeddings))
    embedding_ = parameter(config.vocab_size, e, false);
  if (options.part.prelude) prelude_ = blocks(config.n_layers_in_prelude, false);
  if (options.part.core) {
    adapter_ = parameter(e, 2 * e, false);
    from_state_ = from_prelude_ = {adapter_, e};
    core_ = blocks(config.n_layers_in_recurrent_block, true);
    if (config.branches.has_router()) router_ = parameter(config.branches.n_branches, e, true);
  }
  if (options.part.coda) {
    coda_ = blocks(config.n_layers_in_coda, false);
    final_norm_ = parameter(1, e, false);
    head_ = config.tie_embeddings ? embedding_ : parameter(config.vocab_size, e, false);
  }
  pack_all();
}

PlannedVariable PlannedModel::parameter(int64_t rows, int64_t columns, bool of_branches) {
  const bool trains = options_.trainable == Trainable::all || of_branches;
  const PlannedVariable result = tape_.leaf(rows, columns, exact(options_.dtype), trains);
  values_ += rows * columns;
  if (!trains) return result;
  trained_values_ += rows * columns;
  if (optimizer_)
    for (int moment = 0; moment < 2; ++moment) held_.push_back(tape_.take("optimizer moments", result.bytes()));
  return result;
}

// `target`: its name among those that can carry adapters; null outside the core.
PlannedLinear PlannedModel::linear(int64_t out, int64_t in, const char* target) {
  PlannedLinear layer{parameter(out, in, false), in};
  const std::vector<std::string>& targets = config_.branches.lora_targets;
  if (target == nullptr || config_.branches.n_branches == 0 || std::ranges::find(targets, target) == targets.end())
    return layer;
  layer.lora_rank = config_.branches.lora_rank;
  layer.a = parameter(branches_here_ * layer.lora_rank, in, true);
  layer.b = parameter(branches_here_ * out, layer.lora_rank, true);
  // (As RecurrentCore::pack() has it.)
  const bool keeps_adapters = options_.dtype == DType::bf16 && options_.with_backward;
  layer.merged = branches_here_ > 0 && branches_here_ <= options_.merge_up_to && !keeps_adapters;
  return layer;
}

std::vector<PlannedModel::Block> PlannedModel::blocks(int64_t count, bool with_branches) {
  const int64_t e = config_.n_embd, f = config_.intermediate_size;
  const auto name = [&](const char* target) { return with_branches ? target : nullptr; };
  std::vector<Block> result;
  for (int64_t i = 0; i < count; ++i) {
    Block block{linear(3 * e, e, name("attn.Wqkv")), linear(e, e, name("attn.proj")),
                linear(2 * f, e, name("mlp.fc")), linear(e, f, name("mlp.proj")), {}, {}};
    for (int norm = 0; norm < 4; ++norm) block.norms.push_back(parameter(1, e, false));
    if (config_.qk_bias) block.qk_bias = parameter(2, e, false);
    result.push_back(std::move(block));
  }
  return result;
}

void PlannedModel::pack(const PlannedLinear& layer, bool with_backward, bool mergeable) {
  const bool merged = mergeable && layer.merged;
  if (merged)  // of an exact dtype the sums themselves serve as packed weights
    for (int64_t j = 0; j < branches_here_ && options_.dtype != DType::bf16; ++j)
      held_.push_back(tape_.take("packed weights", layer.weight.bytes()));
  if (layer.lora_rank > 0 && !merged)  // B_j turned: scaled, and as it is
    for (int64_t copy = 0; copy < branches_here_ * (with_backward ? 2 : 1); ++copy)
      held_.push_back(tape_.take("packed weights", layer.b.bytes() / branches_here_));
  if (options_.dtype != DType::bf16) return;
  const int64_t out = layer.weight.rows, in = layer.columns;
  for (int64_t copy = 0; copy < (merged ? branches_here_ : 1); ++copy) {
    const auto size = [](int64_t k, int64_t n) {
      return static_cast<int64_t>(kernels::cpu::packed_size<bfloat16>(k, n));
    };
    held_.push_back(tape_.take("packed weights", size(in, out)));
    if (with_backward) held_.push_back(tape_.take("packed weights", size(out, in)));
  }
}

// As ModrModel::pack_weights() has it.
void PlannedModel::pack_all() {
  const bool all = options_.trainable == Trainable::all;
  const auto pack_blocks = [&](const std::vector<Block>& blocks, bool with_backward) {
    for (const Block& block : blocks)
      for (const PlannedLinear* layer : {&block.qkv, &block.attention_proj, &block.fc, &block.mlp_proj})
        pack(*layer, with_backward, true);
  };
  pack_blocks(prelude_, options_.with_backward && all);
  if (options_.part.core) {
    pack(from_state_, options_.with_backward, false);
    pack(from_prelude_, options_.with_backward && all, false);
  }
  pack_blocks(core_, options_.with_backward);
  pack_blocks(coda_, options_.with_backward);
  if (options_.part.coda && !options_.with_backward)
    pack({head_, config_.n_embd}, false, false);
}

PlannedModel::Way PlannedModel::way_of(const PlannedPass& pass) const {
  const BranchConfig& branches = config_.branches;
  Way way{};
  way.by_token = branches.has_router() && branches.unit == RouteUnit::token;
  way.units = way.by_token ? pass.rows : pass.sequences;
  way.passes = way.units * (branches.has_router() ? branches.top_k : 1);
  // One unit is always in order; two or more, as good as never.
  way.stays = !branches.has_router() || (way.passes == way.units && way.units <= 1);
  way.travels = options_.branches_elsewhere;
  way.branches = std::max<int64_t>(branches_here_, 1);
  way.attention = {pass.longest, config_.n_heads};
  return way;
}

// Outside the core.
PlannedModel::Way PlannedModel::way_at_home(const PlannedPass& pass) const {
  return {.units = 0, .passes = 0, .stays = true, .by_token = false, .travels = false, .branches = 1,
          .attention = {pass.longest, config_.n_heads}};
}

PlannedVariable PlannedModel::product(const PlannedVariable& x, const PlannedLinear& layer, const Way& way) {
  return layer.a.defined() ? planned::lora_linear(tape_, x, layer, way.branches) : planned::linear(tape_, x, layer);
}

PlannedVariable PlannedModel::attention(const Block& block, const PlannedVariable& x, const Way& way) {
  PlannedVariable fused = product(x, block.qkv, way);
  if (way.by_token && way.travels) fused = planned::exchange_rows(tape_, fused);
  if (way.by_token && !way.stays) fused = planned::gather_rows(tape_, fused, fused.rows);
  fused = planned::rope(tape_, fused, block.qk_bias);
  PlannedVariable attended = planned::causal_attention(tape_, fused, way.attention);
  if (way.by_token && !way.stays) attended = planned::gather_rows(tape_, attended, attended.rows);
  if (way.by_token && way.travels) attended = planned::exchange_rows(tape_, attended);
  return product(attended, block.attention_proj, way);
}

PlannedVariable PlannedModel::run(const Block& block, const PlannedVariable& x, const Way& way) {
  using namespace planned;
  const PlannedVariable attended =
      add_rms_norm(tape_, attention(block, rms_norm(tape_, x, block.norms[0]), way), x, block.norms[1]);
  const auto mlp = [&](const PlannedVariable& in) {
    return product(silu_gate(tape_, product(in, block.fc, way)), block.mlp_proj, way);
  };
  return add_rms_norm(tape_, mlp(rms_norm(tape_, attended, block.norms[2])), attended, block.norms[3]);
}

PlannedVariable PlannedModel::run_blocks(const std::vector<Block>& blocks, PlannedVariable x, const Way& way,
                                         bool recompute) {
  for (const Block& block : blocks) {
    const auto once = [this, &block, way](const PlannedVariable& in) { return run(block, in, way); };
    x = recompute ? tape_.recompute(once, x) : once(x);
  }
  return x;
}

PlannedVariable PlannedModel::run_branches(const PlannedVariable& h, const PlannedVariable& gates, const Way& way,
                                           const PlannedPass& pass) {
  PlannedVariable passes = h;
  if (!way.stays) passes = planned::gather_rows(tape_, passes, h.rows * way.passes / way.units);
  if (way.travels) passes = planned::exchange_rows(tape_, passes);
  passes = run_blocks(core_, passes, way, pass.recompute == Recompute::block);
  if (way.travels) passes = planned::exchange_rows(tape_, passes);
  return gates.defined() ? planned::combine(tape_, passes, gates, h.rows) : passes;
}

PlannedVariable PlannedModel::step(const PlannedVariable& state, const PlannedVariable& injected,
                                   PlannedVariable& gates, const Way& way, const PlannedPass& pass) {
  const PlannedVariable h = planned::linear(tape_, state, from_state_, injected);
  const bool decides = router_.defined() && (!gates.defined() || config_.branches.when == RouteWhen::recurrence);
  // Gates that serve later recurrences lead into the router even where this one keeps nothing.
  const bool outlives = config_.branches.when == RouteWhen::forward && pass.depth.num_steps_with_grad > 0;
  if (decides)
    gates = tape_.with_gradient(tape_.recording() || outlives, [&] {
      return planned::route(tape_, h, router_, way.units, config_.branches.top_k);
    });
  if (pass.recompute != Recompute::recurrence) return run_branches(h, gates, way, pass);
  PlannedVariable constant = gates;  // their own gradient is next to nothing
  constant.slot = nullptr;
  const auto once = [this, constant, way, pass](const PlannedVariable& in) {
    return run_branches(in, constant, way, pass);
  };
  return tape_.recompute(once, h);
}

PlannedVariable PlannedModel::run_prelude(const PlannedPass& pass) {
  const PlannedVariable embedded = planned::embedding(tape_, embedding_, pass.rows, options_.dtype);
  return run_blocks(prelude_, embedded, way_at_home(pass), pass.recompute == Recompute::block);
}

PlannedVariable PlannedModel::run_core(const PlannedVariable& e, const PlannedPass& pass) {
  const Way way = way_of(pass);
  const PlannedVariable initial = tape_.rows(e.rows, e.columns, e.dtype);
  PlannedVariable state = initial, gates;
  const auto run = [&](const PlannedVariable& injected, int64_t recurrences) {
    for (int64_t i = 0; i < recurrences; ++i) state = step(state, injected, gates, way, pass);
  };
  if (pass.depth.num_steps_no_grad > 0)
    tape_.with_gradient(false,
                        [&] { run(planned::linear(tape_, e, from_prelude_), pass.depth.num_steps_no_grad); });
  run(planned::linear(tape_, e, from_prelude_), pass.depth.num_steps_with_grad);
  return state;
}

PlannedVariable PlannedModel::run_loss(const PlannedVariable& state, const PlannedPass& pass) {
  const PlannedVariable normed = planned::rms_norm(tape_, state, final_norm_);
  const PlannedVariable features = planned::rms_norm(
      tape_, run_blocks(coda_, normed, way_at_home(pass), pass.recompute == Recompute::block), final_norm_);
  return planned::linear_cross_entropy(tape_, features, head_);
}

}  // namespace modr
