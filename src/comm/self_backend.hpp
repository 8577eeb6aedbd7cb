#pragma once
#include <memory>

#include "comm/backend.hpp"

namespace modr {

/// The group of this process alone: needs no MPI.
std::shared_ptr<CommBackend> make_self_backend();

}  // namespace modr
