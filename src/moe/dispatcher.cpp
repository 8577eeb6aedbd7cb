#include "moe/dispatcher.hpp"

#include "ops/embedding.hpp"

namespace modr {

namespace {

// Rows of single tokens: home is source order, away is branch order.
class LocalRelay final : public AttentionRelay {
 public:
  explicit LocalRelay(RoutePlanPtr plan) : plan_(std::move(plan)) {}
  Variable bring_home(const Variable& qkv) const override { return ops::gather_rows(qkv, plan_->position); }
  Variable send_back(const Variable& attended) const override { return ops::gather_rows(attended, plan_->source); }

 private:
  RoutePlanPtr plan_;
};

// [n * rows, width] seen as [n, rows * width], so that a unit is one row.
Variable by_unit(const Variable& x, const RoutePlan& plan) {
  return x.view({x.size(0) / plan.rows_per_unit, plan.rows_per_unit * x.size(1)});
}

}  // namespace

Variable LocalDispatcher::dispatch(const Variable& h, const RoutePlan& plan) const {
  if (plan.is_identity()) return h;
  return ops::gather_rows(by_unit(h, plan), plan.source).view({plan.passes() * plan.rows_per_unit, h.size(1)});
}

Variable LocalDispatcher::combine(const Variable& passes, const Variable& gates, const RoutePlan& plan,
                                  ops::Gate gate) const {
  if (!gates.defined()) return passes;
  return ops::combine(by_unit(passes, plan), gates, plan.position, gate)
      .view({plan.units * plan.rows_per_unit, passes.size(1)});
}

std::unique_ptr<AttentionRelay> LocalDispatcher::relay(const RoutePlanPtr& plan) const {
  return plan->is_identity() ? nullptr : std::make_unique<LocalRelay>(plan);
}

}  // namespace modr
