#include "moe/config.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/named_value.hpp"

namespace modr {

namespace {

constexpr NamedValue<RouteUnit> kUnits[] = {{"sequence", RouteUnit::sequence}, {"token", RouteUnit::token}};
constexpr NamedValue<RouteWhen> kWhens[] = {{"forward", RouteWhen::forward}, {"recurrence", RouteWhen::recurrence}};
constexpr NamedValue<RouteScore> kScores[] = {{"sigmoid", RouteScore::sigmoid}, {"softmax", RouteScore::softmax}};
constexpr NamedValue<ops::Gate> kGates[] = {{"raw", ops::Gate::raw},
                                            {"straight_through", ops::Gate::straight_through}};

}  // namespace

void BranchConfig::validate() const {
  const auto require = [](bool ok, const std::string& field, const std::string& expected, auto found) {
    if (!ok) fail("model.branches.{}: expected {}, found {}", field, expected, found);
  };
  require(n_branches >= 0 && n_branches <= 4096, "n_branches", "a number from 0 to 4096", n_branches);
  if (n_branches == 0) return;
  require(lora_rank > 0, "lora_rank", "a positive number", lora_rank);
  require(lora_alpha > 0, "lora_alpha", "a positive number", lora_alpha);
  require(!lora_targets.empty(), "lora_targets", "at least one target", "none");
  for (const std::string& target : lora_targets)
    require(std::find(all_lora_targets.begin(), all_lora_targets.end(), target) != all_lora_targets.end(),
            "lora_targets", fmt::format("names out of {}", fmt::join(all_lora_targets, ", ")), target);
  require(top_k >= 1 && top_k <= n_branches, "top_k", fmt::format("a number from 1 to n_branches ({})", n_branches),
          top_k);
  require(top_k == 1 || unit == RouteUnit::sequence, "top_k", "1 with unit: token", top_k);
  require(bias_update_rate >= 0, "bias_update_rate", "a number from 0", bias_update_rate);
}

std::string_view name_of(RouteUnit unit) { return find_name(kUnits, unit); }
std::string_view name_of(RouteWhen when) { return find_name(kWhens, when); }
std::string_view name_of(RouteScore score) { return find_name(kScores, score); }
std::string_view name_of(ops::Gate gate) { return find_name(kGates, gate); }

RouteUnit parse_route_unit(std::string_view name) { return find_value(kUnits, "unit", name); }
RouteWhen parse_route_when(std::string_view name) { return find_value(kWhens, "when", name); }
RouteScore parse_route_score(std::string_view name) { return find_value(kScores, "score", name); }
ops::Gate parse_gate(std::string_view name) { return find_value(kGates, "gate", name); }

}  // namespace modr
