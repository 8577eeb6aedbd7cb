#pragma once
#include <memory>

#include "moe/config.hpp"
#include "moe/route_plan.hpp"
#include "nn/attention.hpp"

namespace modr {

/// Takes rows to their branches and back. dispatch and combine are each other's transpose, so each one's backward is
/// the other. Where branches live (here, or on other ranks) is the implementation's business.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  /// h [units * rows_per_unit, width] in source order -> [passes * rows_per_unit, width] sorted by branch.
  virtual Variable dispatch(const Variable& h, const RoutePlan& plan) const = 0;
  /// The gated sum of every unit's passes, in source order; undefined gates count as 1 (top_k is 1 then).
  virtual Variable combine(const Variable& passes, const Variable& gates, const RoutePlan& plan,
                           ops::Gate gate) const = 0;
  /// For units that are tokens: the way home for attention. Null when nothing has to move.
  virtual std::unique_ptr<AttentionRelay> relay(const RoutePlanPtr& plan) const = 0;
};

/// All branches on this rank: moving rows is a permutation of memory.
class LocalDispatcher final : public Dispatcher {
 public:
  Variable dispatch(const Variable& h, const RoutePlan& plan) const override;
  Variable combine(const Variable& passes, const Variable& gates, const RoutePlan& plan,
                   ops::Gate gate) const override;
  std::unique_ptr<AttentionRelay> relay(const RoutePlanPtr& plan) const override;
};

}  // namespace modr
