// What several ranks hold of one model stays the same bits on all of them: the tied embedding of prelude and coda, the
// backbone, a branch's adapters, the router's bias.
#include <gtest/gtest.h>

#include "support/mpi_world.hpp"
#include "support/squares.hpp"
#include "support/tiny_job.hpp"
#include "train/train_step.hpp"

namespace modr {
namespace {

// Whether every rank of the group has the root's values.
void expect_same_bits(const Communicator& group, const Tensor& mine, const std::string& name) {
  std::vector<double> roots = mine.to_vector();
  group.broadcast(std::span(roots), 0);
  EXPECT_EQ(roots, mine.to_vector()) << name;
}

void expect_holders_agree(const ParallelConfig& grid, Placement placement) {
  TrainJob job = testing::tiny_job(TrainMode::modr, 4, 6);
  job.model.branches.bias_update_rate = 0.01;
  job.train.trainable = Trainable::all;
  job.parallel = grid;
  const TrainData data = testing::tiny_data(30);
  Shard shard = make_shard(mpi_world(), job, placement);
  TrainStep step(job, data, shard);
  EpochSampler sampler(std::ssize(data.set.rows), job.train.global_batch, job.seed);
  for (int64_t index = 0; index < job.train.steps; ++index)
    step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index)));
  for (const ParameterHome home : {ParameterHome::prelude, ParameterHome::embedding, ParameterHome::core,
                                   ParameterHome::branch, ParameterHome::coda}) {
    if (!shard.grid.holds(home)) continue;
    const Communicator& group = shard.grid.group(home);
    for (const Parameter& parameter : shard.model->parameters())
      if (shard.home_of(parameter.name) == home) expect_same_bits(group, parameter.variable.value(), parameter.name);
    if (home != ParameterHome::core) continue;
    expect_same_bits(group, shard.model->router_bias(), "the router's bias");
    EXPECT_GT(testing::sum_of_squares(shard.model->router_bias()), 0);
  }
}

TEST(SameBits, WithoutAPipeline) {
  ParallelConfig grid;
  grid.branch = mpi_world().size() % 2 == 0 ? 2 : 1;
  for (const auto placement : {Placement::replicate, Placement::exchange}) expect_holders_agree(grid, placement);
}

TEST(SameBits, WithAPipeline) {
  const int ranks = mpi_world().size();
  if (ranks < 3) GTEST_SKIP() << "fewer ranks than stages";
  ParallelConfig grid;
  grid.stages = ranks >= 6 ? StageRanks{2, ranks - 4, 2} : StageRanks{1, ranks - 2, 1};
  for (const auto placement : {Placement::replicate, Placement::exchange}) {
    grid.branch = grid.stages.recurrence % 2 == 0 ? 2 : 1;
    expect_holders_agree(grid, placement);
  }
}

}  // namespace
}  // namespace modr
