#include "eval/serve_branches.hpp"

namespace modr {

void serve_branches(const ModrModel& model, const ExchangeDispatcher& exchange) {
  const NoGrad guard;
  exchange.leave();
  CoreContext context;
  context.sequences = make_offsets({0});
  context.rope_table = model.rope_table();
  context.positions = make_indices({});
  const Variable nothing(Tensor::zeros({0, model.config().n_embd}, model.dtype()));
  // A recurrence over no rows of our own is one meeting of the group.
  while (exchange.anyone_works()) {
    std::optional<RouteDecision> decision;
    model.core().step(nothing, nothing, 0, decision, context);
  }
}

bool can_serve(const ModrModel& model, const ExchangeDispatcher& exchange) {
  // A recurrence at its own pace moves rows out and home, and for each layer's attention home and back.
  const int64_t per_recurrence = 2 + 2 * model.config().n_layers_in_recurrent_block;
  return exchange.traffic().exchanges % per_recurrence == 0;
}

}  // namespace modr
