#include "moe/config.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"

namespace modr {

namespace {

template <typename E>
E parse(const std::string& what, const std::string& name, std::initializer_list<E> values) {
  std::vector<std::string> names;
  for (E value : values) {
    if (name_of(value) == name) return value;
    names.push_back(name_of(value));
  }
  fail("{}: expected {}, found '{}'", what, fmt::join(names, " or "), name);
}

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

std::string name_of(RouteUnit unit) { return unit == RouteUnit::sequence ? "sequence" : "token"; }
std::string name_of(RouteWhen when) { return when == RouteWhen::forward ? "forward" : "recurrence"; }
std::string name_of(RouteScore score) { return score == RouteScore::sigmoid ? "sigmoid" : "softmax"; }
std::string name_of(ops::Gate gate) { return gate == ops::Gate::raw ? "raw" : "straight_through"; }

RouteUnit parse_route_unit(const std::string& name) {
  return parse("unit", name, {RouteUnit::sequence, RouteUnit::token});
}
RouteWhen parse_route_when(const std::string& name) {
  return parse("when", name, {RouteWhen::forward, RouteWhen::recurrence});
}
RouteScore parse_route_score(const std::string& name) {
  return parse("score", name, {RouteScore::sigmoid, RouteScore::softmax});
}
ops::Gate parse_gate(const std::string& name) {
  return parse("gate", name, {ops::Gate::raw, ops::Gate::straight_through});
}

}  // namespace modr
