#include "parallel/rank_grid.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace modr {

namespace {

std::string in_words(const GridShape& shape) {
  if (!shape.stages.is_pipeline()) return fmt::format("branch {}", shape.branch);
  return fmt::format("(prelude {} + recurrence {} + coda {})", shape.stages.prelude, shape.stages.recurrence,
                     shape.stages.coda);
}

int64_t largest_divisor(int64_t number, int64_t limit) {
  int64_t divisor = std::min(number, limit);
  while (number % divisor != 0) --divisor;
  return divisor;
}

int64_t choose_branch(const ParallelConfig& config, int64_t n_branches, int64_t num_ranks) {
  const int64_t most = config.placement == Placement::replicate ? 1 : std::max<int64_t>(n_branches, 1);
  if (config.stages.is_pipeline()) return largest_divisor(config.stages.recurrence, most);
  if (config.data == 0) return largest_divisor(num_ranks, most);
  return std::clamp<int64_t>(num_ranks / config.data, 1, most);
}

// What the user can change: the number of ranks, or the number of replicas.
[[noreturn]] void fail_to_fit(const GridShape& shape, int64_t num_ranks) {
  const int64_t unit = shape.ranks_per_replica();
  const int64_t replicas = num_ranks / unit;  // that the job's ranks could make up
  if (shape.data == 0) {
    std::string starts = fmt::format("{}", (replicas + 1) * unit);
    if (replicas > 0) starts = fmt::format("{} or {}", replicas * unit, starts);
    throw UsageError(fmt::format("parallel: {} needs a multiple of {} ranks, this job has {}: start {}",
                                 in_words(shape), unit, num_ranks, starts));
  }
  std::string fits = fmt::format("start {}", shape.num_ranks());
  if (replicas > 0 && replicas * unit == num_ranks)
    fits += fmt::format(", or set parallel.data: {}", replicas);
  else if (replicas > 0 && replicas != shape.data)
    fits += fmt::format(", or {} with parallel.data: {}", replicas * unit, replicas);
  throw UsageError(fmt::format("parallel: data {} x {} needs {} ranks, this job has {}: {}", shape.data,
                               in_words(shape), shape.num_ranks(), num_ranks, fits));
}

// The branch group of a rank, or a number that no other has where it does not run the recurrence.
int64_t branch_group(const GridShape& shape, int64_t rank) {
  const GridPlace place = place_of(shape, rank);
  if (!place.runs(Stage::recurrence)) return shape.num_ranks() + rank;
  return place.data_idx * (shape.ranks_per_replica() / shape.branch) + place.branch_group;  // at most as many groups
}

// Collective. The ranks for whose place `is_member` holds as one group; nothing on the others.
template <typename F>
std::optional<Communicator> members_of(const Communicator& world, const GridShape& shape, F is_member,
                                       const std::string& name) {
  const auto color_of = [&](int rank) { return is_member(place_of(shape, rank)) ? 0 : 1; };
  const Communicator part = world.split_by(color_of, name);
  return color_of(world.rank()) == 0 ? std::optional(part) : std::nullopt;
}

}  // namespace

std::vector<int64_t> GridShape::stage_ranks() const {
  if (!stages.is_pipeline()) return {branch};
  return {stages.prelude, stages.recurrence, stages.coda};
}

int64_t GridShape::ranks_per_replica() const {
  return stages.is_pipeline() ? stages.prelude + stages.recurrence + stages.coda : branch;
}

std::string GridShape::describe() const {
  if (!stages.is_pipeline()) return fmt::format("data {} x branch {}: {} ranks", data, branch, num_ranks());
  return fmt::format("data {} x stages {}+{}+{}, branch {}: {} ranks", data, stages.prelude, stages.recurrence,
                     stages.coda, branch, num_ranks());
}

GridShape resolve_grid(const ParallelConfig& config, int64_t n_branches, int64_t num_ranks) {
  config.validate();
  MODR_CHECK(num_ranks > 0, "a grid for {} ranks", num_ranks);
  GridShape shape{config.data, config.stages, config.branch};
  if (shape.branch == 0) shape.branch = choose_branch(config, n_branches, num_ranks);
  const int64_t data = shape.data == 0 ? num_ranks / shape.ranks_per_replica() : shape.data;
  if (data * shape.ranks_per_replica() != num_ranks) fail_to_fit(shape, num_ranks);
  shape.data = data;
  return shape;
}

GridPlace place_of(const GridShape& shape, int64_t rank) {
  MODR_CHECK(rank >= 0 && rank < shape.num_ranks(), "rank {} of a grid of {}", rank, shape.num_ranks());
  GridPlace place;
  place.data_idx = rank / shape.ranks_per_replica();
  place.replica_rank = place.stage_idx = rank % shape.ranks_per_replica();
  if (shape.stages.is_pipeline()) {
    const int64_t first_coda = shape.stages.prelude + shape.stages.recurrence;
    if (place.replica_rank < shape.stages.prelude) {
      place.stage = Stage::prelude;
    } else if (place.replica_rank < first_coda) {
      place.stage = Stage::recurrence;
      place.stage_idx -= shape.stages.prelude;
    } else {
      place.stage = Stage::coda;
      place.stage_idx -= first_coda;
    }
  }
  if (place.runs(Stage::recurrence)) {
    place.branch_idx = place.stage_idx % shape.branch;
    place.branch_group = place.stage_idx / shape.branch;
  }
  return place;
}

RankGrid::RankGrid(const Communicator& world, const GridShape& shape)
    : shape_(shape), place_(place_of(shape, world.rank())), world_(world), replica_(world), branch_(world) {
  MODR_CHECK(world.size() == shape.num_ranks(), "a grid of {} for {} ranks", shape.describe(), world.size());
  replica_ = world.split_by([&](int rank) { return static_cast<int>(place_of(shape, rank).data_idx); }, "replica");
  branch_ = world.split_by([&](int rank) { return static_cast<int>(branch_group(shape, rank)); }, "branch");

  const auto set = [&](ParameterHome home, std::optional<Communicator> group_of) {
    groups_[static_cast<std::size_t>(home)] = std::move(group_of);
  };
  const auto recurs = [](const GridPlace& place) { return place.runs(Stage::recurrence); };
  if (shape.stages.is_pipeline()) {
    const auto begins = [](const GridPlace& place) { return place.runs(Stage::prelude); };
    const auto ends = [](const GridPlace& place) { return place.runs(Stage::coda); };
    set(ParameterHome::prelude, members_of(world, shape, begins, "prelude"));
    set(ParameterHome::embedding,
        members_of(
            world, shape, [&](const GridPlace& place) { return begins(place) || ends(place); }, "embedding"));
    set(ParameterHome::core, members_of(world, shape, recurs, "core"));
    set(ParameterHome::coda, members_of(world, shape, ends, "coda"));
  } else {
    for (const auto home : {ParameterHome::prelude, ParameterHome::embedding, ParameterHome::core, ParameterHome::coda})
      set(home, world);
  }
  if (shape.branch == 1) {
    set(ParameterHome::branch, groups_[static_cast<std::size_t>(ParameterHome::core)]);
  } else {
    const Communicator same_idx = world.split_by(
        [&](int rank) {
          const GridPlace place = place_of(shape, rank);
          return static_cast<int>(recurs(place) ? place.branch_idx : shape.branch);
        },
        "owners");
    if (recurs(place_)) set(ParameterHome::branch, same_idx);
  }
}

bool RankGrid::holds(ParameterHome home) const { return groups_[static_cast<std::size_t>(home)].has_value(); }

const Communicator& RankGrid::group(ParameterHome home) const {
  MODR_CHECK(holds(home), "rank {} of {} does not hold the parameters of home {}", world_.rank(), shape_.describe(),
             static_cast<int>(home));
  return *groups_[static_cast<std::size_t>(home)];
}

Slice RankGrid::branches(int64_t n_branches) const {
  if (!place_.runs(Stage::recurrence)) return {};
  return rank_slice(n_branches, place_.branch_idx, shape_.branch);
}

}  // namespace modr
