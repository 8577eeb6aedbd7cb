#include "train/model_stage.hpp"

#include <cmath>

#include "base/error.hpp"
#include "model/initial_state.hpp"

namespace modr {

ModelStage::ModelStage(const TrainJob& job, const TrainData& data, const ModrModel& model, const StepPlan& plan,
                       std::span<const Microbatch> microbatches, double weight)
    : job_(job), data_(data), model_(model), plan_(plan), microbatches_(microbatches), weight_(weight) {
  const BranchConfig& branches = job.model.branches;
  if (!branches.has_router()) return;
  const int64_t recurrences = plan.depth.num_steps_no_grad + plan.depth.num_steps_with_grad;
  const int64_t decisions = branches.when == RouteWhen::recurrence ? recurrences : 1;
  sums_.branches.assign(static_cast<std::size_t>(decisions),
                        std::vector<int64_t>(static_cast<std::size_t>(branches.n_branches), 0));
}

const Microbatch& ModelStage::samples_of(int64_t microbatch) const {
  return microbatches_[static_cast<std::size_t>(microbatch)];
}

Batch ModelStage::rows_of(int64_t microbatch) const {
  return make_batch(data_.set.rows, samples_of(microbatch), data_.layout);
}

Shape ModelStage::input_shape(int64_t microbatch) const {
  const Batch rows = rows_of(microbatch);
  return {rows.batch * rows.seq, job_.model.n_embd};
}

// States have the same shape between all stages.
Shape ModelStage::output_shape(int64_t microbatch) const { return input_shape(microbatch); }

Variable ModelStage::forward(int64_t microbatch, const Variable& input) {
  const Batch rows = rows_of(microbatch);
  const TokenBatch batch{rows.batch,
                         rows.seq,
                         make_indices(rows.ids),
                         make_indices(rows.labels),
                         make_mask(rows.mask),
                         make_offsets(rows.documents)};
  Variable x = input;
  if (model_.part().prelude) x = model_.run_prelude(batch, {plan_.depth, job_.train.recompute, nullptr});
  if (model_.part().core) x = run_core(x, batch, rows);
  if (model_.part().coda) x = run_loss(x, batch, microbatch);
  return x;
}

Variable ModelStage::run_core(const Variable& e, const TokenBatch& batch, const Batch& rows) {
  const Tensor states = initial_states(job_.model, state_keys(job_.seed, rows.keys, rows.documents), model_.dtype());
  const CoreOutput output = model_.run_core(e, batch, Variable(states), {plan_.depth, job_.train.recompute, nullptr});
  MODR_CHECK(output.decisions.size() == sums_.branches.size(), "{} routing decisions instead of {}",
             output.decisions.size(), sums_.branches.size());
  for (std::size_t i = 0; i < output.decisions.size(); ++i)
    for (std::size_t j = 0; j < sums_.branches[i].size(); ++j)
      sums_.branches[i][j] += output.decisions[i].plan->counts[j];
  return output.state;
}

Variable ModelStage::run_loss(const Variable& state, const TokenBatch& batch, int64_t microbatch) {
  const Variable loss = model_.loss_of_state(state, batch, weight_, job_.train.recompute);
  const double value = loss.value().item();
  if (!std::isfinite(value) && sums_.not_finite.empty())
    sums_.not_finite = fmt::format("microbatch {}, {}", microbatch, describe(samples_of(microbatch), data_.set));
  sums_.loss += value;
  return loss;
}

}  // namespace modr
