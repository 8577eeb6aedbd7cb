#include "moe/dispatcher.hpp"

#include "ops/embedding.hpp"

namespace modr {

namespace {

// [n * rows, width] seen as [n, rows * width], so that a unit is one row.
Variable by_unit(const Variable& x, int64_t units, const RoutePlan& plan) {
  return x.view({units, plan.rows_per_unit * x.size(1)});
}

}  // namespace

Variable LocalPassage::dispatch(const Variable& h) const {
  if (plan_->is_identity()) return h;
  return ops::gather_rows(by_unit(h, plan_->units, *plan_), plan_->source)
      .view({plan_->passes() * plan_->rows_per_unit, h.size(1)});
}

Variable LocalPassage::combine(const Variable& passes, const Variable& gates, ops::Gate gate) const {
  if (!gates.defined()) return passes;
  return ops::combine(by_unit(passes, plan_->passes(), *plan_), gates, plan_->position, gate)
      .view({plan_->units * plan_->rows_per_unit, passes.size(1)});
}

// Sequences keep the order of the passes at home, so that nothing has to move.
bool LocalPassage::permutes_tokens() const { return plan_->unit == RouteUnit::token && !plan_->is_identity(); }

Variable LocalPassage::bring_home(const Variable& qkv) const {
  return permutes_tokens() ? ops::gather_rows(qkv, plan_->position) : qkv;
}

Variable LocalPassage::send_back(const Variable& attended) const {
  return permutes_tokens() ? ops::gather_rows(attended, plan_->source) : attended;
}

std::shared_ptr<const Passage> LocalDispatcher::open(const RoutePlanPtr& plan) const {
  return std::make_shared<LocalPassage>(plan);
}

}  // namespace modr
