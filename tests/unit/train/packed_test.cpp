// A training step over documents that share rows.
#include <gtest/gtest.h>

#include <numeric>

#include "model/initial_state.hpp"
#include "support/tiny_job.hpp"
#include "train/train_step.hpp"

namespace modr {
namespace {

using testing::tiny_job;
using testing::tiny_packed_data;

const Communicator self = Communicator::self();

// What the documents of a plan's rows come to, each alone in a row of its own.
struct Alone {
  double loss = 0;
  int64_t documents = 0;
  std::vector<int64_t> counts;
};

Alone run_alone(const TrainJob& job, const TrainData& data, const ModrModel& model, const StepPlan& plan,
                double weight) {
  const NoGrad guard;
  Alone alone;
  alone.counts.assign(static_cast<std::size_t>(job.model.branches.n_branches), 0);
  for (const SampleRef& sample : plan.samples) {
    const Example& row = data.set.rows[static_cast<std::size_t>(sample.index)];
    int64_t begin = 0;
    for (int64_t place = 0; place < row.num_documents(); ++place) {
      const int64_t length = row.documents[static_cast<std::size_t>(place)];
      const auto part = [&](const std::vector<int32_t>& of_row) {
        return make_indices({of_row.begin() + begin, of_row.begin() + begin + length});
      };
      const TokenBatch batch{1, length, part(row.tokens), part(row.labels), nullptr};
      const std::vector<uint64_t> key{document_key(sample, place)};
      const Variable states(initial_states(job.model, state_keys(job.seed, key, length), model.dtype()));
      const ForwardOutput output = model.forward(batch, states, {plan.depth, Recompute::none, nullptr});
      alone.loss += model.loss(output.logits, batch, weight).value().item();
      for (const RouteDecision& decision : output.decisions)
        for (std::size_t j = 0; j < alone.counts.size(); ++j) alone.counts[j] += decision.plan->counts[j];
      ++alone.documents;
      begin += length;
    }
  }
  return alone;
}

TEST(PackedStep, IsThatOfItsDocumentsAlone) {
  const TrainData data = tiny_packed_data(60);
  for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token})
    for (const RouteWhen when : {RouteWhen::forward, RouteWhen::recurrence}) {
      TrainJob job = tiny_job(TrainMode::modr, 3, 5);
      job.model.branches.unit = unit;
      job.model.branches.when = when;
      job.train.dtype = DType::f64;
      Shard shard = make_shard(self, job, Placement::replicate);
      testing::randomize(*shard.model, 3);
      TrainStep step(job, data, shard);
      EpochSampler sampler(std::ssize(data.set.rows), job.train.global_batch, job.seed);
      const StepPlan plan = plan_step(job.train, job.model, job.seed, 1, sampler.global_batch(1));
      const ModrModel& model = *shard.model;
      int64_t labels = 0;
      for (const SampleRef& sample : plan.samples)
        for (const int32_t label : data.set.rows[static_cast<std::size_t>(sample.index)].labels)
          labels += label == kIgnoreLabel ? 0 : 1;
      const Alone want = run_alone(job, data, model, plan, 1.0 / static_cast<double>(labels));
      const StepResult got = step.run(plan);
      EXPECT_NEAR(got.loss, want.loss, 1e-12 * want.loss);
      EXPECT_EQ(got.branch_counts(), want.counts);
      EXPECT_EQ(got.documents, want.documents);
      EXPECT_GT(got.documents, std::ssize(plan.samples));
      if (unit != RouteUnit::sequence) continue;
      const auto decisions = static_cast<int64_t>(got.branches.size());
      EXPECT_EQ(std::reduce(want.counts.begin(), want.counts.end()), decisions * want.documents);
    }
}

}  // namespace
}  // namespace modr
