#include "model/recurrent_core.hpp"

#include <span>

#include "base/error.hpp"
#include "model/token_batch.hpp"
#include "moe/lora_branches.hpp"

namespace modr {

namespace {

// The home sequences of attention's sequences, and whether each is the first choice of its unit. With whole sequences
// as units attention runs over passes; with tokens it runs at home.
std::vector<CachedPass> cached_passes(const RoutePlan& plan, const Offsets& sequences) {
  std::vector<CachedPass> passes;
  if (plan.unit == RouteUnit::token) {
    for (int64_t sequence = 0; sequence + 1 < std::ssize(*sequences); ++sequence) passes.push_back({sequence, true});
    return passes;
  }
  for (int64_t pass = 0; pass < plan.passes(); ++pass) {
    const int32_t unit = (*plan.source)[static_cast<std::size_t>(pass)];
    const auto first = static_cast<std::size_t>(unit * plan.top_k);
    passes.push_back({unit, (*plan.position)[first] == pass});
  }
  return passes;
}

// Positions of rows whose sequences were put into the plan's order.
Indices positions_in_order(const Indices& positions, const RoutePlan& plan) {
  if (plan.is_identity()) return positions;
  std::vector<int32_t> result;
  result.reserve(plan.row_source->size());
  for (const int32_t row : *plan.row_source) result.push_back((*positions)[static_cast<std::size_t>(row)]);
  return make_indices(std::move(result));
}

}  // namespace

RecurrentCore::RecurrentCore(const ModelConfig& config, Slice branches_here, TensorType weights)
    : branches_(config.branches),
      branches_here_(branches_here),
      adapter_(Tensor::zeros({config.n_embd, 2 * config.n_embd}, weights), weights.dtype == exact(weights.dtype)),
      from_state_("transformer.adapter", adapter_, 0, config.n_embd),
      from_prelude_("transformer.adapter", adapter_, config.n_embd, config.n_embd),
      blocks_(make_blocks("transformer.core_block", config.n_layers_in_recurrent_block, config.block(), weights)),
      dispatcher_(std::make_shared<LocalDispatcher>()) {
  if (branches_.n_branches > 0) attach_lora_branches(blocks_, branches_, branches_here_.count(), exact(weights));
  if (branches_.has_router()) router_.emplace(branches_, config.n_embd, exact(weights));
}

bool RecurrentCore::decides_at(int64_t recurrence) const {
  return recurrence == 0 || (router_ && branches_.when == RouteWhen::recurrence);
}

Variable RecurrentCore::inject(const Variable& e) const { return from_prelude_(e); }

RouteDecision RecurrentCore::decide(const Variable& h, const CoreContext& context) const {
  const RouteUnit unit = context.tokens_are_units ? RouteUnit::token : branches_.unit;
  if (router_) return router_->decide(h, unit, context.sequences, context.mask);
  RouteDecision only;
  only.plan = single_branch_plan(context.sequences);
  return only;
}

// Attention runs where the passage says: over the sequences that came to this rank, or at home.
BlockContext RecurrentCore::block_context(const RouteDecision& decision, const CoreContext& context,
                                          CacheWindow* window) const {
  const Passage& passage = *decision.passage;
  const RowGroups groups = branches_.n_branches > 0 ? passage.groups() : nullptr;
  if (const Offsets& away = passage.away_sequences()) {
    MODR_CHECK(window == nullptr, "sequences that travel have no {}", "cache");
    return {away, context.rope_table, sequence_positions(away), groups, nullptr, nullptr};
  }
  const RoutePlan& plan = *decision.plan;
  if (plan.unit == RouteUnit::token)
    return {context.sequences, context.rope_table, context.positions, groups, decision.passage, window};
  const Indices positions = positions_in_order(context.positions, plan);
  return {plan.pass_rows, context.rope_table, positions, groups, decision.passage, window};
}

Variable RecurrentCore::run_branches(const Variable& h, const RouteDecision& decision, int64_t recurrence,
                                     const CoreContext& context) const {
  dispatcher_->enter(recurrence);  // for what moves beside the blocks too
  std::unique_ptr<CacheWindow> window;
  if (context.cache != nullptr)
    window = context.cache->core_window(recurrence, cached_passes(*decision.plan, context.sequences));
  const BlockContext how = block_context(decision, context, window.get());
  Variable passes = decision.passage->dispatch(h);
  for (const SandwichBlock& block : blocks_) {
    const auto run = [this, &block, how, recurrence](const std::vector<Variable>& in) {
      dispatcher_->enter(recurrence);  // again, in backward
      return block(in[0], how);
    };
    passes = context.recompute == Recompute::block ? modr::recompute(run, {passes}) : run({passes});
  }
  return decision.passage->combine(passes, decision.gates, branches_.gate);
}

Variable RecurrentCore::step(const Variable& state, const Variable& injected, int64_t recurrence,
                             std::optional<RouteDecision>& decision, const CoreContext& context) const {
  const Variable h = from_state_.plus(state, injected);
  if (decides_at(recurrence)) {
    const GradMode mode(grad_enabled() || context.gates_outlive_no_grad);
    decision = decide(h, context);
  }
  MODR_CHECK(decision.has_value(), "recurrence {} has no routing decision", recurrence);
  if (!decision->passage || dispatcher_->opens_every_recurrence())
    decision->passage = dispatcher_->open(decision->plan);
  if (context.recompute != Recompute::recurrence) return run_branches(h, *decision, recurrence, context);
  std::vector<Variable> inputs{h};
  if (decision->gates.defined()) inputs.push_back(decision->gates);
  return recompute(
      [this, recurrence, kept = RouteDecision{decision->plan, decision->passage, {}, {}},
       context](const std::vector<Variable>& in) {
        RouteDecision again = kept;
        if (in.size() > 1) again.gates = in[1];
        return run_branches(in[0], again, recurrence, context);
      },
      std::move(inputs));
}

CoreOutput RecurrentCore::operator()(const Variable& e, const Variable& initial_state, const Depth& depth,
                                     const CoreContext& context) const {
  CoreOutput output{initial_state, {}};
  std::optional<RouteDecision> decision;
  CoreContext without_grad = context;
  without_grad.gates_outlive_no_grad = grad_enabled() && branches_.when == RouteWhen::forward;
  const auto run = [&](const Variable& injected, int64_t begin, int64_t end, const CoreContext& how) {
    for (int64_t recurrence = begin; recurrence < end; ++recurrence) {
      output.state = step(output.state, injected, recurrence, decision, how);
      if (router_ && decides_at(recurrence)) output.decisions.push_back(*decision);
      if (context.latents != nullptr) context.latents->push_back(output.state.value());
    }
  };
  if (depth.num_steps_no_grad > 0) {
    const NoGrad guard;
    output.state = output.state.detach();
    run(inject(e), 0, depth.num_steps_no_grad, without_grad);
  }
  if (depth.num_steps_with_grad > 0)
    run(inject(e), depth.num_steps_no_grad, depth.num_steps_no_grad + depth.num_steps_with_grad,
        context);
  return output;
}

void RecurrentCore::pack(DType dtype, const PackOptions& options) {
  const int64_t count = branches_here_.count();
  // An adapter in training is smaller than what bf16 rounds a weight by: merged, its steps would be lost.
  const bool keeps_adapters = dtype == DType::bf16 && options.with_backward;
  from_state_.pack(dtype, options.with_backward);
  from_prelude_.pack(dtype, options.with_backward && adapter_.requires_grad());
  for (SandwichBlock& block : blocks_)
    block.pack(dtype, options.with_backward, count > 0 && count <= options.merge_up_to && !keeps_adapters);
}

void RecurrentCore::collect(ParameterList& parameters) const {
  parameters.push_back({"transformer.adapter.weight", adapter_});
  const std::size_t first = parameters.size();
  for (const SandwichBlock& block : blocks_) block.collect(parameters);
  if (branches_here_.count() < branches_.n_branches)
    for (Parameter& parameter : std::span(parameters).subspan(first))
      if (is_adapter(parameter.name)) {
        parameter.first_row = branches_here_.begin;
        parameter.num_rows = branches_.n_branches;
      }
  if (router_) parameters.push_back({"transformer.router.weight", router_->weight()});
}

}  // namespace modr
