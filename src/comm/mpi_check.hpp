#pragma once
// For this room's MPI files only.
#include <mpi.h>

namespace modr {

/// Throws Error naming the call, this rank and MPI's own text unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call);

}  // namespace modr

/// Makes an MPI call and checks its return code: `MODR_MPI(MPI_Barrier, comm)`.
#define MODR_MPI(call, ...) ::modr::check_mpi(call(__VA_ARGS__), #call)
