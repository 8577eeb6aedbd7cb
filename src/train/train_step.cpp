#include "train/train_step.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/slice.hpp"
#include "comm/agree.hpp"
#include "model/initial_state.hpp"
#include "moe/load_balance.hpp"
#include "optim/grad_clip.hpp"
#include "optim/lr_schedule.hpp"
#include "parallel/grad_reducer.hpp"

namespace modr {

namespace {

const Example& row_of(const TrainData& data, const SampleRef& sample) {
  return data.set.rows.at(static_cast<std::size_t>(sample.index));
}

int64_t count_labels(const Example& row) {
  return std::count_if(row.labels.begin(), row.labels.end(), [](int32_t label) { return label != kIgnoreLabel; });
}

}  // namespace

TrainStep::TrainStep(const Communicator& comm, const TrainJob& job, const TrainData& data, ModrModel& model,
                     AdamW& optimizer)
    : comm_(comm), job_(job), data_(data), model_(model), optimizer_(optimizer) {}

StepResult TrainStep::run(const StepPlan& plan) {
  StepResult result;
  result.depth = plan.depth;
  result.lr = learning_rate(job_.optim, plan.step, job_.train.steps);
  for (const SampleRef& sample : plan.samples) {
    result.labels += count_labels(row_of(data_, sample));
    result.tokens += static_cast<int64_t>(row_of(data_, sample).tokens.size());
  }
  if (result.labels == 0) fail("step {}: the global batch has no label token", plan.step + 1);

  for (const Parameter& parameter : model_.parameters()) parameter.variable.clear_grad();
  LocalSums sums;
  run_agreed(comm_, [&] { sums = run_microbatches(plan, 1.0 / static_cast<double>(result.labels)); });

  reduce_gradients(comm_, model_.parameters());
  comm_.all_reduce(std::span(sums.branch_counts));
  result.loss = comm_.all_reduced(sums.loss);
  result.branch_counts = sums.branch_counts;

  result.grad_norm = clip_grad_norm(model_.parameters(), job_.optim.clip_norm);
  if (!std::isfinite(result.grad_norm)) fail("step {}: the gradient is not finite", plan.step + 1);
  if (model_.core().router())
    model_.router_bias().copy_from(
        update_branch_bias(model_.router_bias(), result.branch_counts, job_.model.branches.bias_update_rate));
  optimizer_.step(result.lr);
  return result;
}

// This rank's part of the global batch, sorted by length so that a microbatch holds little padding.
std::vector<SampleRef> TrainStep::local_samples(const StepPlan& plan) const {
  const Slice slice = rank_slice(static_cast<int64_t>(plan.samples.size()), comm_.rank(), comm_.size());
  std::vector<SampleRef> samples(plan.samples.begin() + slice.begin, plan.samples.begin() + slice.end);
  std::stable_sort(samples.begin(), samples.end(), [&](const SampleRef& a, const SampleRef& b) {
    return row_of(data_, a).tokens.size() < row_of(data_, b).tokens.size();
  });
  return samples;
}

TrainStep::LocalSums TrainStep::run_microbatches(const StepPlan& plan, double weight) {
  LocalSums sums;
  if (model_.core().router())
    sums.branch_counts.assign(static_cast<std::size_t>(job_.model.branches.n_branches), 0);
  const std::vector<SampleRef> samples = local_samples(plan);
  const auto size = static_cast<std::size_t>(job_.train.microbatch);
  for (std::size_t begin = 0; begin < samples.size(); begin += size)
    run_microbatch(plan, std::span(samples).subspan(begin, std::min(size, samples.size() - begin)), weight, sums);
  return sums;
}

void TrainStep::run_microbatch(const StepPlan& plan, std::span<const SampleRef> samples, double weight,
                               LocalSums& sums) {
  const Batch rows = make_batch(data_.set.rows, samples, data_.layout);
  const TokenBatch batch{rows.batch, rows.seq, make_indices(rows.ids), make_indices(rows.labels),
                         make_mask(rows.mask)};
  std::vector<uint64_t> numbers;
  for (const SampleRef& sample : samples) numbers.push_back(static_cast<uint64_t>(sample.number));
  const Tensor states = initial_states(job_.model, state_keys(job_.seed, numbers, rows.seq), model_.dtype());
  const ForwardOutput output =
      model_.forward(batch, Variable(states), {plan.depth, job_.train.recompute == Recompute::recurrence, nullptr});
  const Variable loss = model_.loss(output.logits, batch, weight);
  const double value = loss.value().item();
  if (!std::isfinite(value))
    fail("step {}: the loss is not finite in the microbatch of samples {} to {}", plan.step + 1,
         samples.front().number, samples.back().number);
  sums.loss += value;
  for (const RouteDecision& decision : output.decisions)
    for (std::size_t i = 0; i < sums.branch_counts.size(); ++i) sums.branch_counts[i] += decision.plan->counts[i];
  backward(loss);
}

}  // namespace modr
