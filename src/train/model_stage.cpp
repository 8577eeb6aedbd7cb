#include "train/model_stage.hpp"

#include <cmath>

#include "base/error.hpp"
#include "model/initial_state.hpp"

namespace modr {

ModelStage::ModelStage(const TrainJob& job, const TrainData& data, const ModrModel& model, const StepPlan& plan,
                       std::span<const Microbatch> microbatches, double weight)
    : job_(job), data_(data), model_(model), plan_(plan), microbatches_(microbatches), weight_(weight) {
  if (model.part().coda) losses_ = Tensor::zeros({std::ssize(microbatches)}, {DType::f64, model.type().device});
  const BranchConfig& branches = job.model.branches;
  if (!branches.has_router()) return;
  const int64_t recurrences = plan.depth.num_steps_no_grad + plan.depth.num_steps_with_grad;
  const int64_t decisions = branches.when == RouteWhen::recurrence ? recurrences : 1;
  branches_.assign(static_cast<std::size_t>(decisions),
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
  const Tensor states = initial_states(job_.model, state_keys(job_.seed, rows.keys, rows.documents), model_.type());
  const CoreOutput output = model_.run_core(e, batch, Variable(states), {plan_.depth, job_.train.recompute, nullptr});
  MODR_CHECK(output.decisions.size() == branches_.size(), "{} routing decisions instead of {}", output.decisions.size(),
             branches_.size());
  for (std::size_t i = 0; i < output.decisions.size(); ++i)
    for (std::size_t j = 0; j < branches_[i].size(); ++j) branches_[i][j] += output.decisions[i].plan->counts[j];
  return output.state;
}

Variable ModelStage::run_loss(const Variable& state, const TokenBatch& batch, int64_t microbatch) {
  const Variable loss = model_.loss_of_state(state, batch, weight_, job_.train.recompute);
  const auto at = std::ssize(run_);
  losses_.slice(0, at, at + 1).copy_from(loss.value().view({1}));
  run_.push_back(microbatch);
  return loss;
}

StageSums ModelStage::sums() const {
  StageSums sums{0, branches_, {}};
  if (run_.empty()) return sums;
  const std::vector<double> losses = losses_.to_vector();
  for (std::size_t i = 0; i < run_.size(); ++i) {
    sums.loss += losses[i];
    if (std::isfinite(losses[i]) || !sums.not_finite.empty()) continue;
    sums.not_finite = fmt::format("microbatch {}, {}", run_[i], describe(samples_of(run_[i]), data_.set));
  }
  return sums;
}

}  // namespace modr
