#include "train/memory_plan.hpp"

#include <gtest/gtest.h>

#include "model/generate.hpp"
#include "support/tiny_job.hpp"
#include "train/train_step.hpp"

namespace modr {
namespace {

using testing::tiny_job;

const Communicator self = Communicator::self();

// Large enough for tensors to be more than their rounding.
TrainJob small_job(TrainMode mode, RouteUnit unit, DType dtype, Recompute recompute) {
  TrainJob job = tiny_job(mode, mode == TrainMode::pretrain ? 0 : mode == TrainMode::lora ? 1 : 3, 2);
  job.model.n_embd = 64;
  job.model.n_heads = 4;
  job.model.intermediate_size = 96;
  job.model.vocab_size = 500;
  job.model.block_size = 64;
  job.model.n_layers_in_recurrent_block = 3;
  job.model.branches.unit = unit;
  job.train.global_batch = 12;
  job.train.microbatch = 6;
  job.train.num_steps_no_grad = 2;
  job.train.num_steps_with_grad = 3;
  job.train.dtype = dtype;
  job.train.recompute = recompute;
  return job;
}

TrainData full_rows(int64_t rows, int64_t seq, int64_t vocab) {
  TrainData data;
  PhiloxSequence rng(3, RandomStream::data);
  for (int64_t i = 0; i < rows; ++i) {
    Example example;
    for (int64_t t = 0; t < seq; ++t) {
      example.tokens.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab))));
      example.labels.push_back(example.tokens.back());
    }
    data.set.rows.push_back(std::move(example));
  }
  return data;
}

struct Peak {
  double planned, real;
};

// Each row shared by documents of 30, 3, 20 and 11 tokens.
TrainData packed_rows(int64_t rows, int64_t vocab) {
  TrainData data = full_rows(rows, 64, vocab);
  for (Example& row : data.set.rows) row.documents = {30, 3, 20, 11};
  return data;
}

Peak run(const TrainJob& job, const TrainData& data) {
  const GridShape grid = resolve_grid(job.parallel, job.model.branches.n_branches, 1);
  const BatchSize batch = largest_microbatch(job, grid, data.set.largest_row(), data.layout);
  const MemoryPlan plan = plan_training(job, grid, 0, Placement::replicate, batch, 0);
  const std::size_t before = allocator_stats().in_use;
  reset_allocator_peak();
  Shard shard = make_shard(self, job, Placement::replicate);
  TrainStep step(job, data, shard);
  EpochSampler sampler(job.train.global_batch, job.train.global_batch, job.seed);
  for (int64_t i = 0; i < 2; ++i) step.run(plan_step(job.train, job.model, job.seed, i, sampler.global_batch(i)));
  return {static_cast<double>(plan.tensors), static_cast<double>(allocator_stats().peak - before)};
}

TEST(MemoryPlan, IsWithinATenthOfTheAllocatorsPeak) {
  for (const TrainMode mode : {TrainMode::pretrain, TrainMode::lora, TrainMode::modr})
    for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token})
      for (const DType dtype : {DType::f32, DType::bf16})
        for (const Recompute recompute : {Recompute::none, Recompute::block, Recompute::recurrence}) {
          if (mode != TrainMode::modr && unit == RouteUnit::token) continue;
          const TrainJob job = small_job(mode, unit, dtype, recompute);
          const Peak peak = run(job, full_rows(job.train.global_batch, 64, job.model.vocab_size));
          EXPECT_NEAR(peak.planned / peak.real, 1, 0.1)
              << name_of(mode) << " " << name_of(unit) << " " << name_of(dtype) << " " << name_of(recompute) << ": "
              << peak.planned << " planned, " << peak.real << " real";
        }
}

TEST(MemoryPlan, OfPackedRowsIsWithinATenthToo) {
  for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token})
    for (const int64_t microbatch : {1, 6})
      for (const int64_t top_k : {1, 2})
        for (const Recompute recompute : {Recompute::none, Recompute::block, Recompute::recurrence}) {
          if (unit == RouteUnit::token && top_k > 1) continue;
          TrainJob job = small_job(TrainMode::modr, unit, DType::f32, recompute);
          job.train.microbatch = microbatch;
          job.model.branches.top_k = top_k;
          const Peak peak = run(job, packed_rows(job.train.global_batch, job.model.vocab_size));
          EXPECT_NEAR(peak.planned / peak.real, 1, 0.1)
              << name_of(unit) << ", microbatches of " << microbatch << ", top_k " << top_k << " " << name_of(recompute)
              << ": " << peak.planned << " planned, " << peak.real << " real";
        }
}

TEST(MemoryPlan, OfDecodingIsWithinATenthToo) {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const char* cache : {"full", "compress-s8"}) {
      const TrainJob job = small_job(TrainMode::modr, RouteUnit::sequence, dtype, Recompute::none);
      const DecodingSize size{.sequences = 4, .prompt = 40, .capacity = 60, .num_steps = 4,
                              .cache = parse_cache_config(cache), .merge_up_to = 1};
      const MemoryPlan plan = plan_decoding(job.model, dtype, size, 0);
      const std::size_t before = allocator_stats().in_use;
      reset_allocator_peak();
      ModrModel model(job.model, dtype, Trainable::none);
      model.pack_weights({false, size.merge_up_to});
      GenerateOptions options;
      options.num_steps = size.num_steps;
      options.max_new_tokens = size.capacity - size.prompt;
      options.cache = size.cache;
      std::vector<Prompt> prompts;
      for (uint64_t i = 0; i < 4; ++i) prompts.push_back({std::vector<int32_t>(40, 3), i});
      generate(model, prompts, options);
      const auto real = static_cast<double>(allocator_stats().peak - before);
      EXPECT_NEAR(static_cast<double>(plan.tensors) / real, 1, 0.1) << name_of(dtype) << " " << cache;
    }
}

TEST(MemoryPlan, AStepOfConstantShapeTakesNothingFromTheSystemAfterTheFirst) {
  const TrainJob job = small_job(TrainMode::pretrain, RouteUnit::sequence, DType::f32, Recompute::none);
  const TrainData data = full_rows(12, 64, job.model.vocab_size);
  Shard shard = make_shard(self, job, Placement::replicate);
  TrainStep step(job, data, shard);
  EpochSampler sampler(12, 12, job.seed);
  const auto run_steps = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) step.run(plan_step(job.train, job.model, job.seed, i, sampler.global_batch(i)));
  };
  run_steps(0, 1);
  const std::size_t before = allocator_stats().system_allocations;
  run_steps(1, 5);
  EXPECT_EQ(allocator_stats().system_allocations, before);
}

TEST(MemoryPlan, EachRankOfAGridHasItsOwn) {
  TrainJob job = small_job(TrainMode::modr, RouteUnit::token, DType::f32, Recompute::none);
  job.parallel.stages = {1, 2, 1};
  job.parallel.branch = 2;
  job.parallel.placement = Placement::exchange;
  const GridShape grid = resolve_grid(job.parallel, 3, 4);
  const BatchSize batch = largest_microbatch(job, grid, {.longest = 64}, {});
  EXPECT_EQ(batch.rows, 6);
  std::vector<MemoryPlan> plans;
  for (int64_t rank = 0; rank < 4; ++rank)
    plans.push_back(plan_training(job, grid, rank, Placement::exchange, batch, 1000));
  EXPECT_FALSE(plans[0].uses.contains("optimizer moments"));  // a frozen prelude
  EXPECT_LT(plans[1].uses.at("optimizer moments"), plans[2].uses.at("optimizer moments"));  // one branch, and two
  EXPECT_FALSE(plans[3].uses.contains("optimizer moments"));
  EXPECT_GT(plans[1].tensors, plans[0].tensors);
  EXPECT_GT(plans[3].total(), plans[3].tensors + 1000);
}

// No weight of it is ever there: Huginn-3.5B on 4,096 ranks.
TEST(MemoryPlan, OfALargeModelOnAHugeGridNeedsNeither) {
  TrainJob job = small_job(TrainMode::modr, RouteUnit::sequence, DType::bf16, Recompute::block);
  job.model.n_embd = 5280;
  job.model.n_heads = 55;
  job.model.intermediate_size = 17920;
  job.model.vocab_size = 65536;
  job.model.block_size = 4096;
  job.model.n_layers_in_prelude = job.model.n_layers_in_coda = 2;
  job.model.n_layers_in_recurrent_block = 4;
  job.train.global_batch = 8192;
  job.train.microbatch = 1;
  job.parallel.stages = {1, 6, 1};
  const GridShape grid = resolve_grid(job.parallel, 3, 4096);
  const BatchSize batch = largest_microbatch(job, grid, {.longest = 256}, {});
  const std::size_t before = allocator_stats().peak;
  for (const int64_t rank : {0, 1, 7}) {
    const MemoryPlan plan = plan_training(job, grid, rank, Placement::replicate, batch, 0);
    const MemoryPlan last = plan_training(job, grid, 4088 + rank, Placement::replicate, batch, 0);
    EXPECT_GT(plan.tensors, int64_t{2} << 30) << "rank " << rank;
    EXPECT_EQ(plan.uses, last.uses) << "rank " << rank;
  }
  EXPECT_EQ(allocator_stats().peak, before);
}

}  // namespace
}  // namespace modr
