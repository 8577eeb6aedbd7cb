#pragma once
// For this room's MPI files only.
#include <mpi.h>

#include <memory>

#include "comm/backend.hpp"

namespace modr {

/// Collective over `comm`.
std::unique_ptr<CounterBackend> make_mpi_counter(MPI_Comm comm);

}  // namespace modr
