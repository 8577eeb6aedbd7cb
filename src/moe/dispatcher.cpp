#include "moe/dispatcher.hpp"

#include "ops/embedding.hpp"

namespace modr {

Variable LocalPassage::dispatch(const Variable& h) const {
  return plan_->is_identity() ? h : ops::gather_rows(h, plan_->row_source);
}

Variable LocalPassage::combine(const Variable& passes, const Variable& gates, ops::Gate gate) const {
  if (!gates.defined()) return passes;
  return ops::combine(passes, gates, {plan_->position, plan_->unit_rows, plan_->pass_rows}, gate);
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
