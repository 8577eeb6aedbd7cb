#pragma once
// How much memory a run will take, before its first step: the step itself is run, over meta tensors.
#include <cstdint>
#include <string>

#include "model/kv_cache.hpp"
#include "parallel/rank_grid.hpp"
#include "tensor/memory_ledger.hpp"
#include "train/train_job.hpp"

namespace modr {

/// What one rank will take at most.
struct MemoryPlan {
  MemoryUses uses;      ///< when the most is in use at once: "weights", "kept for backward: linear", ...
  int64_t tensors = 0;  ///< their sum, in blocks of the allocator
  int64_t program = 0;  ///< what the process takes besides, and oneDNN in products
  int64_t total() const { return tensors + program; }
};

/// The largest microbatch there can be.
struct BatchSize {
  int64_t rows = 0, seq = 0;
  int64_t documents = 0;  // in all rows
};

/// Of rows that are as `row` says at most, padded as `layout` says.
BatchSize largest_microbatch(const TrainJob& job, const GridShape& grid, RowSizes row, const BatchLayout& layout);

/// The plan of rank `rank` of a training job whose branches are placed as `placement` says (not automatic), with the
/// most recurrences that the config allows with gradient. Where branches are exchanged all are taken to be equally
/// loaded. `program` is what the process takes before it has a model (resident_bytes()).
MemoryPlan plan_training(const TrainJob& job, const GridShape& grid, int64_t rank, Placement placement,
                         const BatchSize& batch, int64_t program);

/// What is decoded: `prompt` tokens a sequence first, then one at a time up to `capacity`.
struct DecodingSize {
  int64_t sequences = 1, prompt = 1, capacity = 1, num_steps = 1;
  CacheConfig cache = {};
  int64_t merge_up_to = 1;
};
MemoryPlan plan_decoding(const ModelConfig& model, DType dtype, const DecodingSize& size, int64_t program);

/// A table of the plan's parts, the largest first, one a line.
std::string describe(const MemoryPlan& plan);

}  // namespace modr
