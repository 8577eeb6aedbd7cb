#pragma once
// MPI's own exchange, bare: what `modr bench exchange` holds ours against. Nothing else is to call it.
#include <functional>

#include "comm/backend.hpp"

namespace modr {

/// One blocking MPI_Alltoallv over all ranks of the job: no tags, no time-out, no word about who is missing, and counts
/// in bytes that have to fit MPI's int.
using BareAllToAllV = std::function<void(const Exchange& exchange)>;

/// Collective over all ranks of the job; on a communicator of its own, kept until the job's end. Throws Error where MPI
/// is not up, as in a process that was started by itself.
BareAllToAllV make_bare_alltoallv();

}  // namespace modr
