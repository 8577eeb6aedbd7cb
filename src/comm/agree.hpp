#pragma once
// Ranks agree before they act: what fails on one rank fails on all, with one message, and nobody waits for the dead.
#include <functional>
#include <string>

#include "comm/communicator.hpp"

namespace modr {

/// Collective. Returns when `local_error` is empty on every rank. Otherwise throws on every rank the same Error, with
/// the first failing rank's text; in a group of more than one as "rank 2: ...".
void agree_ok(const Communicator& comm, const std::string& local_error);

/// Collective. Runs `work` on this rank; when it threw on any rank, throws the first failing rank's text on all, as
/// agree_ok() does (as UsageError if it was one). `work` must not itself communicate over `comm`, since a rank that
/// fails in its middle would leave the others waiting there.
void run_agreed(const Communicator& comm, const std::function<void()>& work);

/// Collective. Runs `decide` on rank 0 alone and returns its text on all: what ranks might see differently, such as a
/// folder that changes, is seen once. When it threw, all throw as run_agreed() does.
std::string root_decides(const Communicator& comm, const std::function<std::string()>& decide);

}  // namespace modr
