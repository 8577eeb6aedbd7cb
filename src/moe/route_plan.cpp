#include "moe/route_plan.hpp"

#include "base/error.hpp"

namespace modr {

RoutePlanPtr make_route_plan(RouteChoices choices) {
  auto& [choice, top_k, n_branches, rows_per_unit, unit, unit_is_real] = choices;
  RoutePlan plan;
  plan.n_branches = n_branches;
  plan.top_k = top_k;
  plan.units = std::ssize(choice) / top_k;
  plan.unit = unit;
  plan.rows_per_unit = rows_per_unit;
  MODR_CHECK(plan.passes() == std::ssize(choice), "{} choices, {} a unit", choice.size(), top_k);
  std::vector<int64_t> offsets(static_cast<std::size_t>(n_branches) + 1, 0);
  plan.counts.assign(static_cast<std::size_t>(n_branches), 0);
  for (std::size_t i = 0; i < choice.size(); ++i) {
    MODR_CHECK(choice[i] >= 0 && choice[i] < n_branches, "branch {} of {}", choice[i], n_branches);
    const auto branch = static_cast<std::size_t>(choice[i]);
    ++offsets[branch + 1];
    if (unit_is_real.empty() || unit_is_real[i / static_cast<std::size_t>(top_k)] != 0) ++plan.counts[branch];
  }
  for (std::size_t j = 1; j < offsets.size(); ++j) offsets[j] += offsets[j - 1];
  std::vector<int32_t> source(choice.size()), position(choice.size());
  std::vector<int64_t> next(offsets.begin(), offsets.end() - 1);
  plan.identity = top_k == 1;
  for (std::size_t i = 0; i < choice.size(); ++i) {
    const auto pass = static_cast<int32_t>(next[static_cast<std::size_t>(choice[i])]++);
    position[i] = pass;
    source[static_cast<std::size_t>(pass)] = static_cast<int32_t>(i / static_cast<std::size_t>(top_k));
    plan.identity = plan.identity && pass == static_cast<int32_t>(i);
  }
  plan.choice = std::move(choice);
  plan.source = make_indices(std::move(source));
  plan.position = make_indices(std::move(position));
  std::vector<RowGroup> rows;
  for (int64_t j = 0; j < n_branches; ++j) {
    const auto first = offsets.begin() + j;
    rows.push_back({j, first[0] * rows_per_unit, first[1] * rows_per_unit});
  }
  plan.pass_offsets = make_offsets(std::move(offsets));
  plan.row_groups = make_row_groups(rows);
  return std::make_shared<const RoutePlan>(std::move(plan));
}

RoutePlanPtr single_branch_plan(int64_t units, int64_t rows_per_unit) {
  RouteChoices choices;
  choices.choice.assign(static_cast<std::size_t>(units), 0);
  choices.rows_per_unit = rows_per_unit;
  return make_route_plan(std::move(choices));
}

}  // namespace modr
