#include "eval/serve_branches.hpp"

namespace modr {

void serve_branches(const ModrModel& model, const ExchangeDispatcher& exchange) {
  const NoGrad guard;
  exchange.leave();
  CoreContext context;
  context.sequences = make_offsets({0});
  context.rope_table = model.rope_table();
  context.positions = make_indices({});
  const Variable nothing(Tensor::zeros({0, model.config().n_embd}, model.type()));
  // A recurrence over no rows of our own is one meeting of the group.
  while (exchange.attendance().duty() != Duty::closed) {
    std::optional<RouteDecision> decision;
    model.core().step(nothing, nothing, 0, decision, context);
  }
}

}  // namespace modr
