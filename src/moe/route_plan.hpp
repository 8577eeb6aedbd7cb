#pragma once
#include <memory>
#include <vector>

#include "moe/config.hpp"
#include "ops/index.hpp"

namespace modr {

/// Where every unit goes, as an immutable value that dispatch, combine and both backwards share. A unit takes top_k
/// passes; passes are ordered by branch and, within a branch, by the order of the units (the global source order).
struct RoutePlan {
  int64_t n_branches = 0, units = 0, top_k = 1;
  RouteUnit unit = RouteUnit::sequence;
  int64_t rows_per_unit = 1;    // tokens of a sequence, or 1
  std::vector<int32_t> choice;  // [units, top_k]: the branches, best first
  Indices source;               // [passes]: the unit of each pass
  Indices position;             // [units, top_k]: the pass of each choice
  Offsets pass_offsets;         // [n_branches + 1]: passes by branch
  RowGroups row_groups;         // the same in rows
  std::vector<int64_t> counts;  // [n_branches]: passes of units that are not padding

  int64_t passes() const { return units * top_k; }
  /// True when passes lie in the order of the units, so that nothing has to move.
  bool is_identity() const { return identity; }

  bool identity = false;
};

using RoutePlanPtr = std::shared_ptr<const RoutePlan>;

/// What the router chose.
struct RouteChoices {
  std::vector<int32_t> choice;  // [units, top_k]: branches, best first
  int64_t top_k = 1, n_branches = 1;
  int64_t rows_per_unit = 1;
  RouteUnit unit = RouteUnit::sequence;
  std::vector<uint8_t> unit_is_real = {};  // [units]: those that count; empty: all do
};

RoutePlanPtr make_route_plan(RouteChoices choices);

/// Every unit to the only branch: one LoRA without a router.
RoutePlanPtr single_branch_plan(int64_t units, int64_t rows_per_unit);

}  // namespace modr
