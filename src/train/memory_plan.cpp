#include "train/memory_plan.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "base/integer.hpp"
#include "base/slice.hpp"
#include "parallel/grad_reducer.hpp"
#include "parallel/pipeline_schedule.hpp"
#include "train/planned_model.hpp"

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

// The pipeline executor's moves with a planned stage.
class PlannedExecutor {
 public:
  PlannedExecutor(PlannedTape& tape, PlannedModel& model, const ModelPart& part, const PlannedPass& pass,
                  const RankSchedule& schedule, int64_t n_embd, DType dtype)
      : tape_(tape),
        model_(model),
        part_(part),
        pass_(pass),
        schedule_(schedule),
        message_bytes_(pass.rows * n_embd * static_cast<int64_t>(size_of(dtype))),
        width_(n_embd),
        dtype_(dtype) {
    for (const Instruction& next : schedule.instructions) {
      if (next.pass == Pass::forward) continue;
      has_backward_ = true;
      flows_back_ = flows_back_ || next.send_to >= 0;
    }
  }

  void run() {
    PlannedBlock expected = receive(0);
    for (std::size_t i = 0; i < schedule_.instructions.size(); ++i) {
      const Instruction& next = schedule_.instructions[i];
      const PlannedBlock received = std::move(expected);
      expected = receive(i + 1);
      if (next.pass == Pass::forward) forward(next, received);
      else backward(next, received);
    }
  }

 private:
  struct InFlight {
    PlannedVariable input, output;
  };

  PlannedBlock receive(std::size_t index) {
    if (index >= schedule_.instructions.size() || schedule_.instructions[index].receive_from < 0) return nullptr;
    return tape_.take("messages", message_bytes_);
  }

  void forward(const Instruction& next, const PlannedBlock& received) {
    const bool full = static_cast<int64_t>(in_flight_.size()) >= schedule_.max_in_flight;
    if (!has_backward_ && full) in_flight_.erase(in_flight_.begin());
    InFlight flight;
    if (received) flight.input = tape_.received(pass_.rows, width_, dtype_, received, flows_back_);
    PlannedVariable x = flight.input;
    if (part_.prelude) x = model_.run_prelude(pass_);
    if (part_.core) x = model_.run_core(x, pass_);
    if (part_.coda) x = model_.run_loss(x, pass_);
    flight.output = x;
    in_flight_.emplace(next.microbatch, flight);
  }

  void backward(const Instruction& next, const PlannedBlock& received) {
    const auto found = in_flight_.find(next.microbatch);
    const InFlight flight = std::move(found->second);
    in_flight_.erase(found);
    if (!flight.output.slot) return;
    tape_.backward(flight.output, received ? received : tape_.take("gradients of rows", flight.output.bytes()));
  }

  PlannedTape& tape_;
  PlannedModel& model_;
  const ModelPart& part_;
  const PlannedPass& pass_;
  const RankSchedule& schedule_;
  int64_t message_bytes_, width_;
  DType dtype_;
  bool has_backward_ = false, flows_back_ = false;
  std::map<int64_t, InFlight> in_flight_;
};

// Beside tensors: oneDNN's room for products and what code it makes, with all threads.
constexpr int64_t products = int64_t{48} << 20;

// The copy that a rank's share of a checkpoint is written from beside training: what it holds, dealt out to those that
// hold the same. (Exchanged adapters have fewer holders, but they are small.)
int64_t copy_for_checkpoints(const TrainConfig& train, const GridShape& grid, const GridPlace& place,
                             const PlannedModel& model) {
  if (!train.saves_beside_training()) return 0;
  const std::size_t stage = place.stage == Stage::all ? 0 : static_cast<std::size_t>(place.stage) - 1;
  const int64_t values = model.values() + 2 * model.trained_values();
  return ceil_div(values * static_cast<int64_t>(size_of(exact(train.dtype))), grid.data * grid.stage_ranks()[stage]);
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
  const GridPlace place = place_of(grid, rank);
  const bool exchanged = placement == Placement::exchange && job.model.branches.has_router();
  ModelPart part{place.runs(Stage::prelude), place.runs(Stage::recurrence), place.runs(Stage::coda), {}};
  if (exchanged && part.core)
    part.branches = rank_slice(job.model.branches.n_branches, place.branch_idx, grid.branch);
  const TrainConfig& train = job.train;
  const Depth depth = train.has_fixed_depth() ? Depth{train.num_steps_no_grad, train.num_steps_with_grad}
                                              : Depth{1, job.model.mean_backprop_depth};
  const PlannedPass pass{.rows = batch.rows * batch.seq,
                         .sequences = batch.documents,
                         .longest = batch.seq,
                         .depth = {std::min<int64_t>(depth.num_steps_no_grad, 2), depth.num_steps_with_grad},
                         .recompute = train.recompute};

  MemoryLedger ledger;
  PlannedTape tape(ledger);
  PlannedModel model(tape, job.model,
                     {train.dtype, part, train.trainable, job.parallel.merge_up_to, true,
                      exchanged && grid.branch > 1},
                     true);
  const PlannedBlock copy = tape.take("copy for checkpoints", copy_for_checkpoints(train, grid, place, model));
  ScheduleShape shape{grid.stage_ranks(), grid.branch, 0, train.trainable == Trainable::all};
  shape.microbatches = count_microbatches(job, grid, samples_of_replica(job, grid));
  const Schedule schedule = make_schedule(shape, job.parallel.schedule);
  PlannedExecutor(tape, model, part, pass, schedule.ranks[static_cast<std::size_t>(place.replica_rank)],
                  job.model.n_embd, train.dtype)
      .run();
  tape.take("messages", default_bucket_bytes);
  return plan_of(ledger, program);
}

MemoryPlan plan_decoding(const ModelConfig& model, DType dtype, const DecodingSize& size, int64_t program) {
  MemoryLedger ledger;
  PlannedTape tape(ledger);
  PlannedModel planned(tape, model,
                       {.dtype = dtype, .trainable = Trainable::branches, .merge_up_to = size.merge_up_to,
                        .with_backward = false},
                       false);
  const auto token_bytes = static_cast<int64_t>(cache_bytes_per_token(model, size.cache, size.num_steps, dtype));
  const PlannedBlock slab = tape.take("KV cache", size.sequences * size.capacity * token_bytes);
  tape.with_gradient(false, [&] {
    const PlannedPass pass{
        .rows = size.sequences * size.prompt, .sequences = size.sequences, .longest = size.prompt, .depth = {1, 0}};
    const PlannedVariable state = planned.run_core(planned.run_prelude(pass), pass);
    tape.take("logits", size.sequences * model.vocab_size * static_cast<int64_t>(size_of(exact(dtype))));
  });
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
