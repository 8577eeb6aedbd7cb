#pragma once
#include "model/modr_model.hpp"
#include "parallel/exchange_dispatcher.hpp"

namespace modr {

/// This rank's own work is done: it runs its branches for the other ranks of the group until nobody has work left.
/// Every rank of the group ends with this call, once. `exchange` is the dispatcher of `model`, with Pace::own.
void serve_branches(const ModrModel& model, const ExchangeDispatcher& exchange);

/// Whether a rank whose own work failed can serve the others. In the middle of a recurrence it cannot: they wait for
/// rows that will not come, and only the end of the job helps them.
bool can_serve(const ModrModel& model, const ExchangeDispatcher& exchange);

}  // namespace modr
