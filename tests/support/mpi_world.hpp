#pragma once
#include "comm/communicator.hpp"

namespace modr {

/// All ranks of the running MPI test program (tests/support/mpi_main.cpp).
const Communicator& mpi_world();

}  // namespace modr
