// Every grid that fits the ranks of this run against one rank: 20 steps, and the gradients of one step.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "support/differences.hpp"
#include "support/mpi_world.hpp"
#include "support/rank_grids.hpp"
#include "support/tiny_job.hpp"
#include "train/train_step.hpp"

namespace modr {
namespace {

constexpr int64_t steps = 20;
constexpr double tolerance = 1e-5;

// What one run gave: all that must not depend on the grid.
struct RunRecord {
  std::vector<StepResult> results;
  std::map<std::string, Tensor> first_gradients;  // by parameter, of this rank's rows
  int64_t bytes_exchanged = 0;                    // over all ranks
};

RunRecord run(const Communicator& comm, const TrainJob& job, const TrainData& data, int64_t count = steps) {
  Shard shard = make_shard(comm, job, job.parallel.placement);
  TrainStep step(job, data, shard);
  EpochSampler sampler(std::ssize(data.set.rows), job.train.global_batch, job.seed);
  RunRecord done;
  for (int64_t index = 0; index < count; ++index) {
    done.results.push_back(step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index))));
    if (index > 0) continue;
    for (const Parameter& parameter : shard.model->parameters())
      if (parameter.variable.requires_grad())
        done.first_gradients.emplace(parameter.name, parameter.variable.grad().clone());
  }
  done.bytes_exchanged = comm.all_reduced(shard.exchange ? shard.exchange->traffic().bytes : int64_t{0});
  return done;
}

// Largest difference of this rank's rows against the largest value of the whole gradient.
double gradient_error(const TrainJob& job, const RunRecord& got, const RunRecord& want) {
  Shard shard = make_shard(mpi_world(), job, job.parallel.placement);
  double worst = 0;
  int64_t compared = 0;
  for (const Parameter& parameter : shard.model->parameters()) {
    if (!parameter.variable.requires_grad()) continue;
    const Tensor whole = want.first_gradients.at(parameter.name);
    const Tensor& mine = got.first_gradients.at(parameter.name);
    const Tensor rows = parameter.num_rows < 0
                            ? whole
                            : whole.slice(0, parameter.first_row, parameter.first_row + mine.size(0));
    const std::vector<double> a = mine.to_vector(), b = rows.to_vector(), all = whole.to_vector();
    double largest = 0;
    for (double value : all) largest = std::max(largest, std::abs(value));
    worst = std::max(worst, testing::largest_difference(a, b) / std::max(largest, 1e-30));
    ++compared;
  }
  EXPECT_GT(mpi_world().all_reduced(compared), 0);
  return worst;
}

void expect_same(const RunRecord& got, const RunRecord& want, const std::string& which) {
  ASSERT_EQ(got.results.size(), want.results.size());
  for (std::size_t i = 0; i < got.results.size(); ++i) {
    const StepResult &a = got.results[i], &b = want.results[i];
    EXPECT_LE(std::abs(a.loss - b.loss), tolerance * b.loss) << which << ", loss of step " << i + 1;
    EXPECT_LE(std::abs(a.grad_norm - b.grad_norm), tolerance * b.grad_norm) << which << ", norm of step " << i + 1;
    EXPECT_EQ(a.branches, b.branches) << which << ", step " << i + 1;
  }
}

struct Options {
  RouteUnit unit;
  RouteWhen when;
  int64_t top_k;
  Trainable trainable;
  int64_t n_branches = 4;

  std::string name() const {
    return fmt::format("{} branches, unit {}, when {}, top_k {}, train {}", n_branches, name_of(unit), name_of(when),
                       top_k, name_of(trainable));
  }
  TrainJob job() const {
    constexpr TrainMode modes[] = {TrainMode::pretrain, TrainMode::lora};
    TrainJob job = testing::tiny_job(n_branches < 2 ? modes[n_branches] : TrainMode::modr, n_branches, steps);
    job.model.branches.unit = unit;
    job.model.branches.when = when;
    job.model.branches.top_k = top_k;
    job.train.trainable = trainable;
    return job;
  }
};

std::vector<Options> all_options() {
  std::vector<Options> all;
  for (const auto trainable : {Trainable::branches, Trainable::all})
    for (const auto when : {RouteWhen::forward, RouteWhen::recurrence}) {
      all.push_back({RouteUnit::sequence, when, 1, trainable});
      all.push_back({RouteUnit::sequence, when, 2, trainable});
      all.push_back({RouteUnit::token, when, 1, trainable});
    }
  all.push_back({RouteUnit::sequence, RouteWhen::forward, 1, Trainable::all, 0});
  all.push_back({RouteUnit::sequence, RouteWhen::forward, 1, Trainable::branches, 1});
  return all;
}

// The 1-rank run, which every rank makes for itself once and keeps for all grids.
const RunRecord& one_rank_run(const Options& options, const TrainData& data) {
  static std::map<std::string, RunRecord> kept;
  const auto [found, added] = kept.try_emplace(options.name());
  if (added) found->second = run(Communicator::self(), options.job(), data);
  return found->second;
}

class Grids : public ::testing::TestWithParam<Placement> {
 protected:
  void SetUp() override {
    if (testing::grids_for(mpi_world().size()).empty()) GTEST_SKIP() << "no grid for this number of ranks";
  }
};

TEST_P(Grids, GiveTheNumbersOfOneRank) {
  const TrainData data = testing::tiny_data(30);
  for (const Options& options : all_options()) {
    const RunRecord& want = one_rank_run(options, data);
    for (const testing::NamedGrid& grid : testing::grids_for(mpi_world().size())) {
      TrainJob job = options.job();
      job.parallel = grid.config;
      job.parallel.placement = GetParam();
      const std::string which = fmt::format("{}, {}, {}", grid.name, name_of(GetParam()), options.name());
      const RunRecord got = run(mpi_world(), job, data);
      expect_same(got, want, which);
      EXPECT_LE(gradient_error(job, got, want), tolerance) << which;
      const bool travels =
          GetParam() == Placement::exchange && grid.config.branch > 1 && options.n_branches > 1;
      EXPECT_EQ(got.bytes_exchanged > 0, travels) << which;
    }
  }
}

// What runs again in backward exchanges rows there too, in the same order on all ranks.
TEST_P(Grids, GiveTheSameWhenBlocksRunAgain) {
  const TrainData data = testing::tiny_data(30);
  for (const Options& options : {Options{RouteUnit::token, RouteWhen::recurrence, 1, Trainable::branches},
                                 Options{RouteUnit::sequence, RouteWhen::forward, 2, Trainable::all}}) {
    const RunRecord& want = one_rank_run(options, data);
    for (const testing::NamedGrid& grid : testing::grids_for(mpi_world().size())) {
      TrainJob job = options.job();
      job.parallel = grid.config;
      job.parallel.placement = GetParam();
      job.train.recompute = Recompute::block;
      const std::string which = fmt::format("{}, {}, {}", grid.name, name_of(GetParam()), options.name());
      const RunRecord got = run(mpi_world(), job, data);
      expect_same(got, want, which);
      EXPECT_LE(gradient_error(job, got, want), tolerance) << which;
    }
  }
}

// Documents that share a row go to different ranks, in pieces of different lengths.
TEST_P(Grids, GiveTheSameForPackedRows) {
  const TrainData data = testing::tiny_packed_data(60);
  const std::pair<Options, Recompute> cases[] = {
      {{RouteUnit::sequence, RouteWhen::forward, 1, Trainable::all}, Recompute::none},
      {{RouteUnit::sequence, RouteWhen::recurrence, 1, Trainable::branches}, Recompute::block},
      {{RouteUnit::sequence, RouteWhen::forward, 2, Trainable::branches}, Recompute::recurrence},
      {{RouteUnit::token, RouteWhen::recurrence, 1, Trainable::all}, Recompute::none}};
  for (const auto& [options, recompute] : cases) {
    TrainJob job = options.job();
    job.train.recompute = recompute;
    const RunRecord want = run(Communicator::self(), job, data, 6);
    for (const testing::NamedGrid& grid : testing::grids_for(mpi_world().size())) {
      job.parallel = grid.config;
      job.parallel.placement = GetParam();
      const std::string which =
          fmt::format("{}, {}, {}, recompute {}", grid.name, name_of(GetParam()), options.name(), name_of(recompute));
      const RunRecord got = run(mpi_world(), job, data, 6);
      expect_same(got, want, which);
      EXPECT_LE(gradient_error(job, got, want), tolerance) << which;
    }
  }
}

// Rounding to bf16 falls the same way wherever a document runs.
TEST_P(Grids, GiveNearlyTheSameForPackedRowsInBf16) {
  const TrainData data = testing::tiny_packed_data(60);
  for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token}) {
    TrainJob job = Options{unit, RouteWhen::forward, 1, Trainable::branches}.job();
    job.train.dtype = DType::bf16;
    const RunRecord want = run(Communicator::self(), job, data, 2);
    for (const testing::NamedGrid& grid : testing::grids_for(mpi_world().size())) {
      job.parallel = grid.config;
      job.parallel.placement = GetParam();
      const RunRecord got = run(mpi_world(), job, data, 2);
      for (std::size_t i = 0; i < want.results.size(); ++i) {
        EXPECT_NEAR(got.results[i].loss, want.results[i].loss, 1e-3) << grid.name << ", step " << i + 1;
        EXPECT_EQ(got.results[i].branches, want.results[i].branches) << grid.name << ", step " << i + 1;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Placements, Grids, ::testing::Values(Placement::replicate, Placement::exchange),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace modr
