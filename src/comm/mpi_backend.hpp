#pragma once
#include <memory>

#include "comm/backend.hpp"
#include "comm/chunks.hpp"

namespace modr {

/// All ranks of the job, on a communicator of our own (messages never meet those of HDF5). Collective; MPI must be
/// initialised. `max_count` is the largest number of elements handed to one MPI call; tests lower it.
std::shared_ptr<CommBackend> make_mpi_backend(int64_t max_count = max_mpi_count);

}  // namespace modr
