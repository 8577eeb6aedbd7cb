#pragma once
#include "model/modr_model.hpp"
#include "parallel/exchange_dispatcher.hpp"

namespace modr {

/// This rank's own work is done, or has failed: it runs its branches for the other ranks of the group until nobody has
/// work left. Every rank of the group ends with this call, once. `exchange` is the dispatcher of `model`, with
/// Pace::own. Throws Error unless attendance().can_leave(): in the middle of a recurrence the others wait for rows that
/// will not come, and only the end of the job helps them.
void serve_branches(const ModrModel& model, const ExchangeDispatcher& exchange);

}  // namespace modr
