#include <fmt/format.h>

#include <algorithm>

#include "moe/load_balance.hpp"
#include "ops/cross_entropy.hpp"
#include "tools/verify/parts.hpp"

namespace modr::tools {

namespace {

// Choices of units that are padding mean nothing and are left out.
void compute_routes(const std::vector<RouteDecision>& decisions, const TokenBatch& batch, const Tolerances& allowed,
                    Computed& computed) {
  std::vector<int64_t> counts;
  for (std::size_t t = 0; t < decisions.size(); ++t) {
    const RouteDecision& decision = decisions[t];
    const std::string group = fmt::format("expected/route/{}/", t + 1);
    const RowMask mask = decision.plan->unit == RouteUnit::token ? batch.mask : nullptr;
    computed.exact(group + "choice", decision.plan->choice, mask);
    computed.relative(group + "all_scores", decision.scores, allowed.logits, mask);
    computed.relative(group + "score", decision.gates.value(), allowed.logits, mask);
    counts.insert(counts.end(), decision.plan->counts.begin(), decision.plan->counts.end());
  }
  computed.exact("expected/counts", counts);
}

void compute_bias(const ModrModel& model, const std::vector<RouteDecision>& decisions, Computed& computed) {
  const BranchConfig& branches = model.config().branches;
  std::vector<int64_t> totals(static_cast<std::size_t>(branches.n_branches), 0);
  for (const RouteDecision& decision : decisions)
    for (std::size_t i = 0; i < totals.size(); ++i) totals[i] += decision.plan->counts[i];
  computed.relative("expected/router_bias_after",
                    update_branch_bias(model.router_bias(), totals, branches.bias_update_rate), 1e-6);
}

const std::string grad_of_prelude = "expected/grad_prelude_out", grad_of_initial = "expected/grad_input_states";

// Gradients of what flows between the stages: the core by itself, from e and the initial state as leaves. A file must
// have them where the prelude trains; that of the initial state where all recurrences have a gradient, but not without
// branches: the README does not speak of it, and there is no example.
void compute_stage_gradients(const GoldenFile& golden, const ModrModel& model, const TokenBatch& batch,
                             const ForwardTrace& trace, double weight, const Tolerances& allowed, Computed& computed) {
  const Variable e(trace.prelude_out, true);
  const Tensor states = golden.tensor("input_states", model.type()).view_as(trace.prelude_out.shape());
  const Variable initial(states, golden.depth().num_steps_no_grad == 0);
  CoreContext context;
  context.sequences = batch.sequences();
  context.mask = batch.mask;
  context.rope_table = model.rope_table();
  context.positions = sequence_positions(context.sequences);
  const Variable state = model.core()(e, initial, golden.depth(), context).state;
  const BlockContext block{context.sequences, model.rope_table(), context.positions, nullptr, nullptr, nullptr};
  const Variable logits = model.coda().head(model.coda().features(model.coda().normed(state), block));
  backward(model.loss(logits, batch, weight));
  const bool all = golden.trainable() == Trainable::all;
  if (all || golden.has(grad_of_prelude)) computed.relative(grad_of_prelude, e.grad_or_zeros(), allowed.gradients);
  if (initial.requires_grad() && ((all && golden.has_branches()) || golden.has(grad_of_initial)))
    computed.relative(grad_of_initial, initial.grad_or_zeros(), allowed.gradients);
}

// Of everything that trains, zeros where nothing flowed back.
void compute_gradients(const ModrModel& model, const Tolerances& allowed, Computed& computed) {
  for (const Parameter& parameter : model.parameters())
    if (parameter.variable.requires_grad())
      computed.relative("expected/grad/" + parameter.name, parameter.variable.grad_or_zeros(), allowed.gradients);
}

void compute_latents(const ForwardTrace& trace, const RowMask& mask, const Tolerances& allowed, Computed& computed) {
  const auto state = [&](const std::string& name, const Tensor& values) {
    computed.relative("expected/" + name, values, allowed.states, mask);
  };
  state("embed_out", trace.embedded);
  state("prelude_out", trace.prelude_out);
  for (std::size_t t = 0; t < trace.latents.size(); ++t)
    state(fmt::format("latent_after_step/{}", t + 1), trace.latents[t]);
  state("latent_final_normed", trace.final_normed);
  state("head_in", trace.head_in);
}

}  // namespace

void compute_forward(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed, Computed& computed) {
  const TokenBatch batch = golden.batch();
  const int64_t rows = batch.batch * batch.seq, n_embd = model.config().n_embd;
  const Variable initial(golden.tensor("input_states", model.type()).view({rows, n_embd}));
  ForwardTrace trace;
  const ForwardOutput output = model.forward(batch, initial, {golden.depth(), Recompute::none, &trace});
  compute_latents(trace, batch.mask, allowed, computed);
  computed.relative("expected/logits_f64", output.logits.value(), allowed.logits, batch.mask);
  computed.relative("expected/logits_f32", output.logits.value(), allowed.logits_f32, batch.mask);
  if (model.core().router()) {
    compute_routes(output.decisions, batch, allowed, computed);
    compute_bias(model, output.decisions, computed);
  }
  const auto labels = std::count_if(batch.labels->begin(), batch.labels->end(),
                                    [](int32_t label) { return label != ops::ignored_label; });
  const double weight = 1.0 / static_cast<double>(labels);
  const Variable loss = model.loss(output.logits, batch, weight);
  computed.absolute("expected/loss_f64", loss.value().item(), allowed.loss);
  computed.absolute("expected/loss_f32", loss.value().item(), allowed.loss_f32);
  if (golden.depth().num_steps_with_grad == 0) return;
  backward(loss);
  compute_gradients(model, allowed, computed);
  if (golden.trainable() == Trainable::all || golden.has(grad_of_prelude) || golden.has(grad_of_initial))
    compute_stage_gradients(golden, model, batch, trace, weight, allowed, computed);
}

}  // namespace modr::tools
