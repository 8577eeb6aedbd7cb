#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ops/combine.hpp"

namespace modr {

/// What is routed as one: all new tokens of a sequence, or each token by itself.
enum class RouteUnit { sequence, token };
/// When the router decides: once, at the first recurrence, or at every one.
enum class RouteWhen { forward, recurrence };
enum class RouteScore { sigmoid, softmax };

/// The weights that can carry adapters, by their upstream names within a block.
inline const std::vector<std::string> all_lora_targets{"attn.Wqkv", "attn.proj", "mlp.fc", "mlp.proj"};

/// Branches of the recurrent core and how units are routed to them (MODEL.md, "MoDr").
struct BranchConfig {
  int64_t n_branches = 0;  // 0: no adapters (plain Huginn); 1: one LoRA, no router, gate 1; more: MoDr
  int64_t lora_rank = 16;
  double lora_alpha = 32;
  std::vector<std::string> lora_targets{"attn.Wqkv", "attn.proj"};
  RouteUnit unit = RouteUnit::sequence;
  RouteWhen when = RouteWhen::forward;
  RouteScore score = RouteScore::sigmoid;
  int64_t top_k = 1;
  ops::Gate gate = ops::Gate::raw;
  double bias_update_rate = 1e-3;  // eta

  bool has_router() const { return n_branches > 1; }
  /// Throws Error naming the field ("model.branches.<field>") and what was expected.
  void validate() const;
};

/// The names that configs and golden files use; parse_* throw Error for another name.
RouteUnit parse_route_unit(std::string_view name);
RouteWhen parse_route_when(std::string_view name);
RouteScore parse_route_score(std::string_view name);
ops::Gate parse_gate(std::string_view name);
std::string_view name_of(RouteUnit unit);
std::string_view name_of(RouteWhen when);
std::string_view name_of(RouteScore score);
std::string_view name_of(ops::Gate gate);

}  // namespace modr
