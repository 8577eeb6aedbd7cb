#pragma once
#include <memory>
#include <string_view>

#include "optim/adamw.hpp"
#include "parallel/exchange_dispatcher.hpp"
#include "parallel/rank_grid.hpp"
#include "train/train_job.hpp"

namespace modr {

/// What one rank holds of a training job: its place in the grid, its part of the model with the way to the branches,
/// and the optimizer of what it trains.
struct Shard {
  RankGrid grid;
  Placement placement;  // replicate or exchange
  bool tied_embedding;
  std::unique_ptr<ModrModel> model;
  std::shared_ptr<const ExchangeDispatcher> exchange;  // where branches are exchanged; else null
  std::unique_ptr<AdamW> optimizer;

  /// Which ranks hold a parameter of this name.
  ParameterHome home_of(std::string_view parameter) const;
  /// Whether this rank, of all that hold the parameter, counts it and gives it to a checkpoint.
  bool answers_for(std::string_view parameter) const { return grid.group(home_of(parameter)).is_root(); }
};

/// What a shard's weights begin with: the job's initial ones, or nothing, for a checkpoint to fill.
enum class FirstWeights { initial, left_open };

/// This rank's shard, for branches that are placed as `placement` says. Collective over `world`. Throws UsageError when
/// the job's grid does not fit the number of ranks.
Shard make_shard(const Communicator& world, const TrainJob& job, Placement placement,
                 FirstWeights weights = FirstWeights::initial, Device device = cpu_device);

}  // namespace modr
