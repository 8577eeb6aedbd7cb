#include <fmt/format.h>

#include <algorithm>

#include "moe/load_balance.hpp"
#include "ops/cross_entropy.hpp"
#include "tools/verify_checks.hpp"

namespace modr::tools {

namespace {

std::vector<int64_t> widened(const std::vector<int32_t>& values) { return {values.begin(), values.end()}; }

// Choices of units that are padding mean nothing and are left out.
void compare_routes(const GoldenFile& golden, const std::vector<RouteDecision>& decisions, const TokenBatch& batch,
                    const Tolerances& tolerances, VerifyReport& report) {
  std::vector<int64_t> counts;
  for (std::size_t t = 0; t < decisions.size(); ++t) {
    const RouteDecision& decision = decisions[t];
    const std::string group = fmt::format("expected/route/{}/", t + 1);
    const RowMask mask = decision.plan->rows_per_unit == 1 ? batch.mask : nullptr;
    std::vector<int64_t> got = widened(decision.plan->choice), want = golden.file().read_ints(group + "choice");
    for (std::size_t i = 0; mask && i < std::min(got.size(), want.size()); ++i)
      if ((*mask)[i] == 0) got[i] = want[i] = -1;
    report.exact(group + "choice", got, want);
    const auto read = [&](const char* name) { return golden.file().read_tensor(group + name, DType::f64); };
    report.relative(group + "all_scores", decision.scores, read("all_scores"), tolerances.logits, mask);
    report.relative(group + "score", decision.gates.value(), read("score"), tolerances.logits, mask);
    counts.insert(counts.end(), decision.plan->counts.begin(), decision.plan->counts.end());
  }
  report.exact("expected/counts", counts, golden.file().read_ints("expected/counts"));
}

void compare_bias(const GoldenFile& golden, const ModrModel& model, const std::vector<RouteDecision>& decisions,
                  VerifyReport& report) {
  const BranchConfig& branches = model.config().branches;
  std::vector<int64_t> totals(static_cast<std::size_t>(branches.n_branches), 0);
  for (const RouteDecision& decision : decisions)
    for (std::size_t i = 0; i < totals.size(); ++i) totals[i] += decision.plan->counts[i];
  const Tensor updated = update_branch_bias(model.router_bias(), totals, branches.bias_update_rate);
  report.relative("expected/router_bias_after", updated,
                  golden.file().read_tensor("expected/router_bias_after", DType::f64), 1e-6);
}

// Gradients of what flows between the stages: the core by itself, from e and the initial state as leaves.
void compare_stage_gradients(const GoldenFile& golden, const ModrModel& model, const TokenBatch& batch,
                             const ForwardTrace& trace, double weight, const Tolerances& tolerances,
                             VerifyReport& report) {
  const Indices positions = sequence_positions(batch.batch, batch.seq);
  const Variable e(trace.prelude_out, true);
  const Tensor states = golden.file().read_tensor("input_states", model.dtype()).view_as(trace.prelude_out.shape());
  const Variable initial(states, golden.depth().num_steps_no_grad == 0);
  CoreContext context;
  context.seq = batch.seq;
  context.mask = batch.mask;
  context.rope_table = model.rope_table();
  context.positions = positions;
  const Variable state = model.core()(e, initial, golden.depth(), context).state;
  const BlockContext block{
      uniform_offsets(batch.batch, batch.seq), model.rope_table(), positions, nullptr, nullptr, nullptr};
  const Variable logits = model.coda().head(model.coda().features(model.coda().normed(state), block));
  backward(model.loss(logits, batch, weight));
  const auto compare = [&](const std::string& name, const Variable& leaf) {
    if (golden.has(name))
      report.relative(name, leaf.grad_or_zeros(), golden.file().read_tensor(name, DType::f64), tolerances.gradients);
  };
  compare("expected/grad_prelude_out", e);
  if (initial.requires_grad()) compare("expected/grad_input_states", initial);
}

void compare_gradients(const GoldenFile& golden, const ModrModel& model, const Tolerances& tolerances,
                       VerifyReport& report) {
  if (!golden.has("expected/grad")) return;
  std::vector<std::string> expected = golden.file().children("expected/grad");
  for (const Parameter& parameter : model.parameters()) {
    const auto found = std::find(expected.begin(), expected.end(), parameter.name);
    if (found == expected.end()) continue;
    expected.erase(found);
    const std::string name = "expected/grad/" + parameter.name;
    report.relative(name, parameter.variable.grad_or_zeros(), golden.file().read_tensor(name, DType::f64),
                    tolerances.gradients);
  }
  for (const std::string& missing : expected) fail("expected/grad/{}: the model has no such parameter", missing);
}

}  // namespace

void verify_forward(const GoldenFile& golden, DType dtype, const Tolerances& tolerances, VerifyReport& report) {
  const auto model = golden.model(dtype);
  const TokenBatch batch = golden.batch();
  const int64_t rows = batch.batch * batch.seq, n_embd = model->config().n_embd;
  const Variable initial(golden.file().read_tensor("input_states", dtype).view({rows, n_embd}));
  ForwardTrace trace;
  const ForwardOutput output = model->forward(batch, initial, {golden.depth(), Recompute::none, &trace});
  const auto compare = [&](const std::string& name, const Tensor& got) {
    if (golden.has(name))
      report.relative(name, got, golden.file().read_tensor(name, DType::f64),
                      name.ends_with("logits_f64") ? tolerances.logits : tolerances.states, batch.mask);
  };
  compare("expected/embed_out", trace.embedded);
  compare("expected/prelude_out", trace.prelude_out);
  for (std::size_t t = 0; t < trace.latents.size(); ++t)
    compare(fmt::format("expected/latent_after_step/{}", t + 1), trace.latents[t]);
  compare("expected/latent_final_normed", trace.final_normed);
  compare("expected/head_in", trace.head_in);
  compare("expected/logits_f64", output.logits.value());
  if (model->core().router()) {
    compare_routes(golden, output.decisions, batch, tolerances, report);
    compare_bias(golden, *model, output.decisions, report);
  }
  const auto labels = std::count_if(batch.labels->begin(), batch.labels->end(),
                                    [](int32_t label) { return label != ops::ignored_label; });
  const double weight = 1.0 / static_cast<double>(labels);
  const Variable loss = model->loss(output.logits, batch, weight);
  if (golden.has("expected/loss_f64"))
    report.absolute("expected/loss_f64", loss.value().item(),
                    golden.file().read_tensor("expected/loss_f64", DType::f64).item(), tolerances.loss);
  if (golden.depth().num_steps_with_grad == 0) return;
  backward(loss);
  compare_gradients(golden, *model, tolerances, report);
  if (golden.has("expected/grad_prelude_out"))
    compare_stage_gradients(golden, *model, batch, trace, weight, tolerances, report);
}

}  // namespace modr::tools
