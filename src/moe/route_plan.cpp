#include "moe/route_plan.hpp"

#include <numeric>

#include "base/error.hpp"

namespace modr {

namespace {

// Checks the choices and counts them: all by branch, as offsets, and those of real units.
void count_choices(RouteChoices& made, RoutePlan& plan) {
  std::vector<int64_t> offsets(static_cast<std::size_t>(plan.n_branches) + 1, 0);
  plan.counts.assign(static_cast<std::size_t>(plan.n_branches), 0);
  for (std::size_t i = 0; i < made.choice.size(); ++i) {
    MODR_CHECK(made.choice[i] >= 0 && made.choice[i] < plan.n_branches, "branch {} of {}", made.choice[i],
               plan.n_branches);
    const auto branch = static_cast<std::size_t>(made.choice[i]), unit = i / static_cast<std::size_t>(plan.top_k);
    ++offsets[branch + 1];
    if (made.unit_is_real.empty() || made.unit_is_real[unit] != 0) ++plan.counts[branch];
  }
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  plan.pass_offsets = make_offsets(std::move(offsets));
}

// The order of the passes: by branch, then by unit.
void order_passes(const std::vector<int32_t>& choice, RoutePlan& plan) {
  std::vector<int32_t> source(choice.size()), position(choice.size());
  std::vector<int64_t> next(plan.pass_offsets->begin(), plan.pass_offsets->end() - 1);
  plan.identity = plan.top_k == 1;
  for (std::size_t i = 0; i < choice.size(); ++i) {
    const auto pass = static_cast<int32_t>(next[static_cast<std::size_t>(choice[i])]++);
    position[i] = pass;
    source[static_cast<std::size_t>(pass)] = static_cast<int32_t>(i / static_cast<std::size_t>(plan.top_k));
    plan.identity = plan.identity && pass == static_cast<int32_t>(i);
  }
  plan.source = make_indices(std::move(source));
  plan.position = make_indices(std::move(position));
}

// The rows of the passes, one after the other. A token's pass is its row.
void lay_out_rows(RoutePlan& plan) {
  const bool tokens = plan.unit == RouteUnit::token;
  std::vector<int64_t> rows{0};
  std::vector<int32_t> source;
  rows.reserve(plan.source->size() + 1);
  for (const int32_t unit : *plan.source) {
    const int64_t first = (*plan.unit_rows)[static_cast<std::size_t>(unit)], count = plan.rows_of(unit);
    rows.push_back(rows.back() + count);
    for (int64_t row = first; row < first + count && !tokens; ++row) source.push_back(static_cast<int32_t>(row));
  }
  plan.pass_rows = make_offsets(std::move(rows));
  plan.row_source = tokens ? plan.source : make_indices(std::move(source));
  std::vector<RowGroup> groups;
  int64_t row = 0;
  for (int64_t j = 0; j < plan.n_branches; ++j) {
    const int64_t begin = row;
    row += plan.rows_to(j, j + 1);
    groups.push_back({j, begin, row});
  }
  plan.row_groups = make_row_groups(groups);
}

}  // namespace

RoutePlanPtr make_route_plan(RouteChoices choices) {
  RoutePlan plan;
  plan.n_branches = choices.n_branches;
  plan.top_k = choices.top_k;
  plan.units = std::ssize(choices.choice) / choices.top_k;
  plan.unit = choices.unit;
  plan.unit_rows = std::move(choices.unit_rows);
  MODR_CHECK(plan.passes() == std::ssize(choices.choice), "{} choices, {} a unit", choices.choice.size(), plan.top_k);
  MODR_CHECK(std::ssize(*plan.unit_rows) == plan.units + 1, "{} units with the rows of {}", plan.units,
             plan.unit_rows->size() - 1);
  MODR_CHECK(plan.unit == RouteUnit::sequence || plan.unit_rows->back() == plan.units, "{} tokens of {} rows",
             plan.units, plan.unit_rows->back());
  count_choices(choices, plan);
  order_passes(choices.choice, plan);
  lay_out_rows(plan);
  plan.choice = std::move(choices.choice);
  return std::make_shared<const RoutePlan>(std::move(plan));
}

RoutePlanPtr single_branch_plan(const Offsets& unit_rows) {
  RouteChoices choices;
  choices.choice.assign(unit_rows->size() - 1, 0);
  choices.unit_rows = unit_rows;
  return make_route_plan(std::move(choices));
}

}  // namespace modr
