#pragma once
#include <memory>

#include "moe/config.hpp"
#include "moe/route_plan.hpp"
#include "nn/parameter.hpp"

namespace modr {

class Passage;

/// One decision of the router.
struct RouteDecision {
  RoutePlanPtr plan;
  std::shared_ptr<const Passage> passage;  // the plan's way to the branches, once it is open (dispatcher.hpp)
  Variable gates;   // [units, top_k]: g, without the bias and not renormalised; undefined for a single branch
  Tensor scores;    // [units, n_branches]: r, for records; undefined for a single branch
};

/// Scores units and picks their branches (MODEL.md, "Routing"): u = h W^T, with unit: sequence its mean over the real
/// tokens, r = score(u), the top_k largest of r + b. The bias b only steers the choice; it is not trained but updated
/// from global counts (load_balance.hpp).
class Router {
 public:
  Router(const BranchConfig& config, int64_t n_embd, TensorType type);

  /// h [rows, n_embd] of `sequences`, one after the other, routed by sequences or by tokens; `mask` marks real tokens
  /// (null: all). Throws Error for a sequence of nothing but padding.
  RouteDecision decide(const Variable& h, RouteUnit unit, const Offsets& sequences, const RowMask& mask) const;

  const Variable& weight() const { return weight_; }  // [n_branches, n_embd]
  const Tensor& bias() const { return bias_; }        // [n_branches]

 private:
  BranchConfig config_;
  Variable weight_;
  Tensor bias_;
};

}  // namespace modr
