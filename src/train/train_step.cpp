#include "train/train_step.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "moe/load_balance.hpp"
#include "optim/grad_clip.hpp"
#include "optim/lr_schedule.hpp"
#include "parallel/grad_reducer.hpp"
#include "parallel/pipeline_executor.hpp"

namespace modr {

namespace {

// What the plan says about the step, before anything is computed.
StepResult expected_of(const StepPlan& plan, const TrainJob& job, const TrainData& data) {
  StepResult result;
  result.depth = plan.depth;
  result.lr = learning_rate(job.optim, plan.step, job.train.steps);
  for (const SampleRef& sample : plan.samples) {
    const Example& row = data.set.rows.at(static_cast<std::size_t>(sample.index));
    result.labels += std::ranges::count_if(row.labels, [](int32_t label) { return label != kIgnoreLabel; });
    result.tokens += std::ssize(row.tokens);
    result.documents += row.num_documents();
  }
  if (result.labels == 0) fail("step {}: the global batch has no label token", plan.step + 1);
  return result;
}

// In the order in which all ranks go through them.
constexpr ParameterHome all_homes[] = {ParameterHome::prelude, ParameterHome::embedding, ParameterHome::core,
                                       ParameterHome::branch, ParameterHome::coda};

}  // namespace

std::vector<int64_t> StepResult::branch_counts() const {
  std::vector<int64_t> sum;
  for (const std::vector<int64_t>& decision : branches) {
    sum.resize(decision.size(), 0);
    std::ranges::transform(sum, decision, sum.begin(), std::plus());
  }
  return sum;
}

TrainStep::TrainStep(const TrainJob& job, const TrainData& data, Shard& shard)
    : job_(job), data_(data), shard_(shard), guard_(job.train.guard) {}

StepResult TrainStep::run(const StepPlan& plan) {
  const Communicator& world = shard_.grid.world();
  ModrModel& model = *shard_.model;
  StepResult result = expected_of(plan, job_, data_);
  prepare();

  world.announce({.phase = "microbatches", .step = plan.step + 1});
  StageSums sums = run_microbatches(plan, result);
  world.announce({.phase = "sums", .step = plan.step + 1});
  const std::string not_finite = std::move(sums.not_finite);
  add_up(plan, std::move(sums), result);

  world.announce({.phase = "gradients", .step = plan.step + 1});
  result.grad_norm = reduced_grad_norm();
  result.skipped = judge(plan, result, not_finite);
  if (result.skipped) return result;
  clip_gradients(model.parameters(), result.grad_norm, job_.optim.clip_norm);
  if (model.router_bias().defined())
    model.router_bias().copy_from(update_branch_bias(model.router_bias(), result.branch_counts(),
                                                     job_.model.branches.bias_update_rate));
  shard_.optimizer->step(result.lr);
  return result;
}

void TrainStep::rehearse(const StepPlan& plan) {
  StepResult result = expected_of(plan, job_, data_);
  prepare();
  run_microbatches(plan, result);
  reduced_grad_norm();
  shard_.optimizer->step(0);
}

void TrainStep::prepare() {
  for (const Parameter& parameter : shard_.model->parameters()) parameter.variable.clear_grad();
  shard_.model->pack_weights({true, job_.parallel.merge_up_to});
}

// Sums gradients over the ranks that hold each parameter, and returns the norm over the whole model.
double TrainStep::reduced_grad_norm() const {
  ParameterList answered;
  for (const ParameterHome home : all_homes) {
    if (!shard_.grid.holds(home)) continue;
    ParameterList of_home;
    for (const Parameter& parameter : shard_.model->parameters())
      if (shard_.home_of(parameter.name) == home) of_home.push_back(parameter);
    if (of_home.empty()) continue;  // on all ranks of the home alike
    reduce_gradients(shard_.grid.group(home), of_home);
    if (shard_.grid.group(home).is_root()) answered.insert(answered.end(), of_home.begin(), of_home.end());
  }
  const double norm = grad_norm(answered);
  return std::sqrt(shard_.grid.world().all_reduced(norm * norm));
}

// Asks the guard, and finds out what was wrong with: all ranks have the same loss and norm, and go the same way.
std::optional<SkippedStep> TrainStep::judge(const StepPlan& plan, const StepResult& result,
                                            const std::string& not_finite) {
  const std::optional<std::string> reason = guard_.judge(result.loss, result.grad_norm);
  if (!reason) return std::nullopt;
  SkippedStep skipped{*reason, "the global batch, " + describe(plan.samples, data_.set)};
  if (std::isfinite(result.loss)) return skipped;
  const Communicator& world = shard_.grid.world();
  const auto first =
      static_cast<int>(world.all_reduced<int64_t>(not_finite.empty() ? world.size() : world.rank(), ReduceOp::min));
  if (first == world.size()) return skipped;  // finite everywhere, and too much together
  skipped.batch = not_finite;
  world.broadcast(skipped.batch, first);
  if (world.size() > 1) skipped.batch = fmt::format("rank {}'s {}", first, skipped.batch);
  return skipped;
}

StageSums TrainStep::run_microbatches(const StepPlan& plan, StepResult& result) {
  const GridShape& grid = shard_.grid.shape();
  ScheduleShape shape{grid.stage_ranks(), grid.branch, 0, job_.train.trainable == Trainable::all};
  const int64_t lanes = shape.ranks[shape.branch_stage()];
  const std::vector<Microbatch> microbatches = deal_microbatches(
      plan, data_.set, {shard_.grid.place().data_idx, grid.data, lanes, job_.train.microbatch});
  shape.microbatches = std::ssize(microbatches);
  ModelStage stage(job_, data_, *shard_.model, plan, microbatches, 1.0 / static_cast<double>(result.labels));
  const Schedule schedule = make_schedule(shape, job_.parallel.schedule);
  const Communicator& replica = shard_.grid.replica();
  const PipelineTimes times =
      run_pipeline(replica, schedule.ranks[static_cast<std::size_t>(replica.rank())], stage);
  if (grid.stages.is_pipeline()) result.bubble = compare_bubble(replica, schedule, times);
  return stage.sums();
}

// Sums over all ranks. Every unit of the batch is counted top_k times at each decision, or something was lost.
void TrainStep::add_up(const StepPlan& plan, StageSums sums, StepResult& result) const {
  const Communicator& world = shard_.grid.world();
  result.loss = world.all_reduced(sums.loss);
  const BranchConfig& branches = job_.model.branches;
  const int64_t units = branches.unit == RouteUnit::token ? result.tokens : result.documents;
  for (std::vector<int64_t>& decision : sums.branches) {
    world.all_reduce(std::span(decision));
    const int64_t counted = std::reduce(decision.begin(), decision.end());
    MODR_CHECK(counted == units * branches.top_k, "step {}: {} units counted at branches, {} were routed",
               plan.step + 1, counted, units * branches.top_k);
  }
  result.branches = std::move(sums.branches);
}

}  // namespace modr
