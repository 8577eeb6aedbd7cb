#pragma once
#include <memory>
#include <vector>

#include "moe/config.hpp"
#include "ops/index.hpp"

namespace modr {

/// Where every unit goes, as an immutable value that dispatch, combine and both backwards share. A unit is a sequence,
/// of any length, or a token. It takes top_k passes; passes are ordered by branch and, within a branch, by the order of
/// the units (the global source order).
struct RoutePlan {
  int64_t n_branches = 0, units = 0, top_k = 1;
  RouteUnit unit = RouteUnit::sequence;
  Offsets unit_rows;            // [units + 1]: rows of each unit at home
  std::vector<int32_t> choice;  // [units, top_k]: the branches, best first
  Indices source;               // [passes]: the unit of each pass
  Indices position;             // [units, top_k]: the pass of each choice
  Offsets pass_offsets;         // [n_branches + 1]: passes by branch
  Offsets pass_rows;            // [passes + 1]: rows of each pass, in the order of passes
  Indices row_source;           // [rows of all passes]: the row at home of each
  RowGroups row_groups;         // rows of passes by branch
  std::vector<int64_t> counts;  // [n_branches]: passes of units that are not padding

  int64_t passes() const { return units * top_k; }
  /// Rows of unit `u`.
  int64_t rows_of(int64_t u) const {
    return (*unit_rows)[static_cast<std::size_t>(u) + 1] - (*unit_rows)[static_cast<std::size_t>(u)];
  }
  /// Rows of all passes to the branches [begin, end).
  int64_t rows_to(int64_t begin, int64_t end) const { return first_row(end) - first_row(begin); }
  /// True when passes lie in the order of the units, so that nothing has to move.
  bool is_identity() const { return identity; }

  bool identity = false;

 private:
  // Of all passes to a branch and those after it.
  int64_t first_row(int64_t branch) const {
    return (*pass_rows)[static_cast<std::size_t>((*pass_offsets)[static_cast<std::size_t>(branch)])];
  }
};

using RoutePlanPtr = std::shared_ptr<const RoutePlan>;

/// What the router chose.
struct RouteChoices {
  std::vector<int32_t> choice;  // [units, top_k]: branches, best first
  int64_t top_k = 1, n_branches = 1;
  Offsets unit_rows;  // [units + 1]: rows of each unit
  RouteUnit unit = RouteUnit::sequence;
  std::vector<uint8_t> unit_is_real = {};  // [units]: those that count; empty: all do
};

RoutePlanPtr make_route_plan(RouteChoices choices);

/// Every unit to the only branch: one LoRA without a router.
RoutePlanPtr single_branch_plan(const Offsets& unit_rows);

}  // namespace modr
