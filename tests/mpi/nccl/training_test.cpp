// Steps of training on a GPU a rank: the same bits whether gradients and rows travel from GPU to GPU or, where ranks
// share a GPU, through the host's memory by MPI.
#include <gtest/gtest.h>

#include "comm/mpi_backend.hpp"
#include "kernels/emulated/control.hpp"
#include "parallel/grad_reducer.hpp"
#include "support/mpi_world.hpp"
#include "support/rank_grids.hpp"
#include "support/tiny_job.hpp"
#include "tensor/tensor_bytes.hpp"
#include "train/train_step.hpp"

namespace modr {
namespace {

const Device gpu = parse_device("cuda");

class TrainingOnGpus : public ::testing::TestWithParam<emulated::Streams> {
 protected:
  TrainingOnGpus() { emulated::set_streams(GetParam()); }
  ~TrainingOnGpus() override { emulated::set_streams(emulated::Streams::eager); }

  // The same ranks, that share a GPU if `shared`: from then on, and for groups that are split from them.
  static Communicator ranks(bool shared) {
    if (shared)
      emulated::set_bus_id(1);
    else
      emulated::set_bus_id(-1);
    const Communicator comm(make_mpi_backend());
    EXPECT_EQ(comm.reaches(Stream{queue_of(gpu)}), !shared || comm.size() == 1);
    return comm;
  }
};

INSTANTIATE_TEST_SUITE_P(, TrainingOnGpus, ::testing::Values(emulated::Streams::eager, emulated::Streams::lazy),
                         [](const auto& tested) {
                           return tested.param == emulated::Streams::eager ? "Eager" : "Lazy";
                         });

std::vector<StepResult> run(const Communicator& comm, const TrainJob& job, const TrainData& data) {
  Shard shard = make_shard(comm, job, job.parallel.placement);
  TrainStep step(job, data, shard);
  EpochSampler sampler(std::ssize(data.set.rows), job.train.global_batch, job.seed);
  std::vector<StepResult> results;
  for (int64_t index = 0; index < job.train.steps; ++index)
    results.push_back(step.run(plan_step(job.train, job.model, job.seed, index, sampler.global_batch(index))));
  return results;
}

void expect_same(const std::vector<StepResult>& got, const std::vector<StepResult>& want, double tolerance,
                 const std::string& which) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i].loss, want[i].loss, tolerance * want[i].loss) << which << ", step " << i + 1;
    EXPECT_NEAR(got[i].grad_norm, want[i].grad_norm, tolerance * want[i].grad_norm) << which << ", step " << i + 1;
    EXPECT_EQ(got[i].branches, want[i].branches) << which << ", step " << i + 1;
  }
}

TEST_P(TrainingOnGpus, GivesTheBitsOfMpi) {
  const TrainData data = testing::tiny_data(30);
  std::vector<testing::NamedGrid> grids = testing::grids_for(mpi_world().size());
  if (grids.empty()) grids.push_back({"alone", {}});
  for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token}) {
    TrainJob job = testing::tiny_job(TrainMode::modr, 4, 2);
    job.model.branches.unit = unit;
    job.train.trainable = Trainable::all;
    for (const testing::NamedGrid& grid : grids) {
      job.parallel = grid.config;
      job.parallel.placement = Placement::exchange;
      job.device = cpu_device;
      const std::vector<StepResult> on_cpu = run(mpi_world(), job, data);
      job.device = gpu;
      const std::string which = fmt::format("{}, unit {}", grid.name, name_of(unit));
      const std::vector<StepResult> by_nccl = run(ranks(false), job, data);
      expect_same(by_nccl, run(ranks(true), job, data), 0, which);
      expect_same(by_nccl, on_cpu, 1e-4, which);
    }
  }
}

// More buckets than may be under way, cut anywhere.
TEST_P(TrainingOnGpus, GradientsOfManyBuckets) {
  for (const int64_t bucket_bytes : {int64_t{4}, int64_t{100}, default_bucket_bytes}) {
    std::vector<double> sums[2];
    for (const bool shared : {false, true}) {
      const Communicator comm = ranks(shared);
      ParameterList parameters;
      for (const int64_t size : {35, 0, 1, 100}) {
        parameters.push_back({fmt::format("p{}", size), Variable(Tensor::zeros({size}, {DType::f32, gpu}), true)});
        std::vector<double> values;
        for (int64_t i = 0; i < size; ++i) values.push_back(1.0 / static_cast<double>(i + 3 + 7 * comm.rank()));
        parameters.back().variable.grad_or_zeros().copy_from(Tensor::from<double>(values, {size}, DType::f64));
      }
      reduce_gradients(comm, parameters, bucket_bytes);
      for (const Parameter& parameter : parameters)
        for (const double value : parameter.variable.grad().to_vector()) sums[shared].push_back(value);
    }
    EXPECT_EQ(sums[0], sums[1]) << bucket_bytes;
  }
}

}  // namespace
}  // namespace modr
