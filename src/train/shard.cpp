#include "train/shard.hpp"

#include "comm/agree.hpp"
#include "moe/lora_branches.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {

namespace {

ModelPart part_of(const RankGrid& grid, int64_t n_branches, bool exchanged) {
  const GridPlace& place = grid.place();
  ModelPart part{place.runs(Stage::prelude), place.runs(Stage::recurrence), place.runs(Stage::coda), {}};
  if (exchanged && part.core) part.branches = grid.branches(n_branches);
  return part;
}

}  // namespace

ParameterHome Shard::home_of(std::string_view parameter) const {
  if (is_adapter(parameter)) return placement == Placement::exchange ? ParameterHome::branch : ParameterHome::core;
  if (parameter == "transformer.wte.weight") return tied_embedding ? ParameterHome::embedding : ParameterHome::prelude;
  if (parameter.starts_with("transformer.prelude.")) return ParameterHome::prelude;
  for (const char* core : {"transformer.adapter.", "transformer.core_block.", "transformer.router."})
    if (parameter.starts_with(core)) return ParameterHome::core;
  return ParameterHome::coda;
}

Shard make_shard(const Communicator& world, const TrainJob& job, Placement placement, FirstWeights weights,
                 Device device) {
  const int64_t n_branches = job.model.branches.n_branches;
  GridShape shape;
  run_agreed(world, [&] { shape = resolve_grid(job.parallel, n_branches, world.size()); });
  const bool exchanged = placement == Placement::exchange && job.model.branches.has_router();
  Shard shard{RankGrid(world, shape), exchanged ? Placement::exchange : Placement::replicate,
              job.model.tie_embeddings, nullptr, nullptr, nullptr};
  run_agreed(world, [&] {
    const TensorType type(job.train.dtype, device);
    shard.model =
        std::make_unique<ModrModel>(job.model, type, job.train.trainable, part_of(shard.grid, n_branches, exchanged));
    if (weights == FirstWeights::initial) {
      shard.model->initialize(job.seed, job.train.starts_from_checkpoint() ? Trainable::branches : Trainable::all);
      if (job.train.starts_from_checkpoint())
        load_initial_weights(CheckpointReader(job.train.init_from), *shard.model);
    }
    shard.optimizer = std::make_unique<AdamW>(shard.model->parameters(), job.optim);
  });
  if (exchanged && shard.model->part().core) {
    shard.exchange = std::make_shared<ExchangeDispatcher>(shard.grid.branch(), n_branches, Pace::together);
    shard.model->core().set_dispatcher(shard.exchange);
  }
  return shard;
}

}  // namespace modr
