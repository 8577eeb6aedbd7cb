#pragma once
// A small random model with four branches, whole and with its branches spread over a group, for tests of decoding.
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "parallel/exchange_dispatcher.hpp"
#include "support/tiny_eval.hpp"

namespace modr::testing {

/// A way to route; top_k is 1 for tokens.
struct Routing {
  RouteUnit unit;
  RouteWhen when;
  int64_t top_k;

  std::string name() const { return fmt::format("unit {}, when {}, top_k {}", name_of(unit), name_of(when), top_k); }
};

inline std::vector<Routing> all_routings() {
  std::vector<Routing> all;
  for (const auto when : {RouteWhen::forward, RouteWhen::recurrence}) {
    all.push_back({RouteUnit::sequence, when, 1});
    all.push_back({RouteUnit::sequence, when, 2});
    all.push_back({RouteUnit::token, when, 1});
  }
  return all;
}

/// The one of tiny_model(), in double unless said otherwise, with four branches that are all on this rank.
inline ModrModel whole_model(const Routing& routing, DType dtype = DType::f64, int64_t n_embd = 8) {
  ModelConfig config = tiny_model(4).config();
  config.n_embd = n_embd;
  config.branches.unit = routing.unit;
  config.branches.when = routing.when;
  config.branches.top_k = routing.top_k;
  ModrModel model(config, dtype);
  randomize(model, 5);
  return model;
}

/// A model of which a rank holds its share of the branches.
struct SharedModel {
  std::shared_ptr<const ExchangeDispatcher> exchange;
  ModrModel model;
};

/// `whole` with its branches spread over the ranks of `group`.
inline SharedModel share_branches(const ModrModel& whole, const Communicator& group) {
  const auto exchange =
      std::make_shared<ExchangeDispatcher>(group, whole.config().branches.n_branches, Pace::own);
  SharedModel shared{
      exchange, ModrModel(whole.config(), whole.dtype(), Trainable::all, {true, true, true, exchange->branches()})};
  for (std::size_t i = 0; i < whole.parameters().size(); ++i) {
    const Parameter& mine = shared.model.parameters()[i];
    const Tensor& all = whole.parameters()[i].variable.value();
    const Tensor& here = mine.variable.value();
    here.copy_from(mine.num_rows < 0 ? all : all.slice(0, mine.first_row, mine.first_row + here.size(0)));
  }
  shared.model.router_bias().copy_from(whole.router_bias());
  shared.model.core().set_dispatcher(exchange);
  return shared;
}

/// The world, and its two halves where it has such.
inline std::vector<Communicator> branch_groups(const Communicator& world) {
  std::vector<Communicator> groups{world};
  if (world.size() % 2 == 0) groups.push_back(world.split(world.rank() / (world.size() / 2), 0, "branch"));
  return groups;
}

}  // namespace modr::testing
