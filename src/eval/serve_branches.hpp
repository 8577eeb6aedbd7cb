#pragma once
#include "model/modr_model.hpp"
#include "parallel/exchange_dispatcher.hpp"

namespace modr {

/// This rank's own work is done: it runs its branches for the other ranks of the group until nobody has work left.
/// Every rank of the group ends with this call. `exchange` is the dispatcher of `model`, with Pace::own.
void serve_branches(const ModrModel& model, const ExchangeDispatcher& exchange);

}  // namespace modr
