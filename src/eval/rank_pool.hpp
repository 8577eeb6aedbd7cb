#pragma once
// Work for all ranks of a group: who is done early takes the next piece.
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace modr {

/// Collective. Does pieces 0 .. count - 1, each once, on whichever rank is free, in about this order, and returns their
/// results in this order on the root (nothing on other ranks). `work` must give the same result on every rank and must
/// not communicate over `comm`. `on_start`, if given, is told every piece that starts on this rank; `on_end` is called
/// once this rank gets no more pieces, before the ranks meet, with what `work` threw on this rank (else null).
/// When `work` throws on a rank, no further piece is handed out, and all ranks throw the same Error. What on_end
/// throws is thrown on this rank at once: the ranks do not meet any more.
std::vector<std::string> run_pool(const Communicator& comm, int64_t count,
                                  const std::function<std::string(int64_t piece)>& work,
                                  const std::function<void(int64_t piece)>& on_start = {},
                                  const std::function<void(const std::exception_ptr&)>& on_end = {});

}  // namespace modr
