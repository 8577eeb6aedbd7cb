#include "train/memory_plan.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "base/integer.hpp"
#include "base/slice.hpp"
#include "model/decoder.hpp"
#include "train/train_step.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {

namespace {

// Microbatches of a replica with `samples`, as deal_microbatches() makes them.
int64_t count_microbatches(const TrainJob& job, const GridShape& grid, int64_t samples) {
  const std::vector<int64_t> ranks = grid.stage_ranks();
  const int64_t lanes = ranks.size() == 1 ? ranks[0] : ranks[1];
  return ceil_div(std::max<int64_t>(ceil_div(samples, job.train.microbatch), 1), lanes) * lanes;
}

int64_t samples_of_replica(const TrainJob& job, const GridShape& grid) {
  return rank_slice(job.train.global_batch, 0, grid.data).count();
}

// Beside tensors: oneDNN's room for products and what code it makes, with all threads.
constexpr int64_t products = int64_t{48} << 20;

// The copy that a rank's share of a checkpoint is written from beside training: what trains of what it holds, dealt out
// to those that hold the same. (Exchanged adapters have fewer holders, but they are small.)
Tensor copy_for_checkpoints(const TrainConfig& train, const Shard& shard) {
  if (!train.saves_beside_training()) return {};
  const GridShape& grid = shard.grid.shape();
  const GridPlace& place = shard.grid.place();
  const std::size_t stage = place.stage == Stage::all ? 0 : static_cast<std::size_t>(place.stage) - 1;
  const MemoryUse use("copy for checkpoints");
  const int64_t holders = grid.data * grid.stage_ranks()[stage];
  return Tensor::empty({ceil_div(changing_bytes_of_checkpoint(shard.model->parameters()), 4 * holders)},
                       {DType::f32, meta_device});
}

// Rows as `batch` has them: one, that all samples are.
TrainData data_like(const BatchSize& batch) {
  const int64_t documents = std::clamp<int64_t>(batch.documents / std::max<int64_t>(batch.rows, 1), 1, batch.seq);
  const auto length = static_cast<std::size_t>(batch.seq);
  Example row{std::vector<int32_t>(length, 0), std::vector<int32_t>(length, 0)};
  if (documents > 1) {
    row.documents.assign(static_cast<std::size_t>(documents), 1);
    row.documents.front() = batch.seq - documents + 1;
  }
  TrainData data;
  data.set.rows.push_back(std::move(row));
  return data;
}

// The most recurrences with gradient that the config allows; more than two without need no more memory.
StepPlan largest_step(const TrainJob& job) {
  const TrainConfig& train = job.train;
  StepPlan plan;
  plan.depth = train.has_fixed_depth() ? Depth{train.num_steps_no_grad, train.num_steps_with_grad}
                                       : Depth{1, job.model.mean_backprop_depth};
  plan.depth.num_steps_no_grad = std::min<int64_t>(plan.depth.num_steps_no_grad, 2);
  for (int64_t number = 0; number < train.global_batch; ++number) plan.samples.push_back({number, 0});
  return plan;
}

MemoryPlan plan_of(const MemoryLedger& ledger, int64_t program) {
  MemoryPlan plan;
  for (const auto& [use, bytes] : ledger.uses_at_peak())
    if (bytes > 0) plan.uses[use] = bytes;
  plan.tensors = ledger.peak();
  plan.program = program + products;
  return plan;
}

}  // namespace

BatchSize largest_microbatch(const TrainJob& job, const GridShape& grid, RowSizes row, const BatchLayout& layout) {
  const int64_t samples = samples_of_replica(job, grid);
  const int64_t rows = ceil_div(samples, count_microbatches(job, grid, samples));
  const int64_t longest = std::max(row.longest, layout.min_seq);
  const int64_t rounded = round_up(longest, layout.multiple);
  return {rows, std::max(longest, std::min(rounded, layout.max_seq)), rows * row.documents};
}

MemoryPlan plan_training(const TrainJob& job, const GridShape& grid, int64_t rank, Placement placement,
                         const BatchSize& batch, int64_t program) {
  const MemoryLedger ledger;
  const Communicator world = Communicator::rehearsal(rank, grid.num_ranks());
  Shard shard = make_shard(world, job, placement, FirstWeights::left_open, meta_device);
  shard.model->initialize(job.seed);  // or read: either has the rows of a matrix before they are packed
  const Tensor copy = copy_for_checkpoints(job.train, shard);
  const TrainData data = data_like(batch);
  TrainStep(job, data, shard).rehearse(largest_step(job));
  return plan_of(ledger, program);
}

MemoryPlan plan_decoding(const ModelConfig& config, DType dtype, const DecodingSize& size, int64_t program) {
  const MemoryLedger ledger;
  const TensorType type(dtype, meta_device);
  ModrModel model(config, type, Trainable::none);
  model.initialize(0);  // as in plan_training()
  model.pack_weights({false, size.merge_up_to});
  Decoder decoder(model, KvCache(config, size.cache, size.sequences, size.capacity, size.num_steps, type));
  DecodeCall call;
  call.seq = size.prompt;
  for (int64_t sequence = 0; sequence < size.sequences; ++sequence) {
    call.sequences.push_back(sequence);
    call.counts.push_back(size.prompt);
  }
  const int64_t rows = size.sequences * size.prompt;
  call.ids = make_indices(std::vector<int32_t>(static_cast<std::size_t>(rows), 0));
  call.initial_state = Tensor::empty({rows, config.n_embd}, type);
  call.num_steps = size.num_steps;
  decoder(call);
  return plan_of(ledger, program);
}

std::string describe(const MemoryPlan& plan) {
  std::vector<std::pair<int64_t, std::string>> parts{{plan.program, "program, libraries, products"}};
  for (const auto& [use, bytes] : plan.uses) parts.emplace_back(bytes, use);
  std::ranges::sort(parts, std::greater());
  constexpr double mib = 1 << 20;
  std::string text;
  const auto add = [&](int64_t bytes, const std::string& use) {
    text += fmt::format("{:>10.1f} MiB  {}\n", static_cast<double>(bytes) / mib, use);
  };
  for (const auto& [bytes, use] : parts) add(bytes, use);
  add(plan.total(), "in all");
  return text;
}

}  // namespace modr
