#pragma once
// For this room's MPI files only.
#include <memory>

#include "comm/backend.hpp"
#include "comm/mpi_group.hpp"

namespace modr {

/// Collective over the group.
std::unique_ptr<CounterBackend> make_mpi_counter(std::shared_ptr<MpiGroup> group);

}  // namespace modr
