#pragma once
// For this room's MPI files only.
#include <mpi.h>

#include <mutex>

namespace modr {

/// Held during every call of MPI, which at its level SERIALIZED is one thread's at a time.
std::mutex& mpi_mutex();

/// Throws Error naming the call, this rank and MPI's own text unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call);

}  // namespace modr

/// Makes an MPI call, when no other thread does: `MODR_SERIALIZED(MPI_Test, &request, &flag, &status)` is its code.
#define MODR_SERIALIZED(call, ...)                            \
  [&] {                                                       \
    const std::lock_guard serialized(::modr::mpi_mutex());    \
    return call(__VA_ARGS__);                                 \
  }()

/// The same, and checks the code: `MODR_MPI(MPI_Barrier, comm)`.
#define MODR_MPI(call, ...) ::modr::check_mpi(MODR_SERIALIZED(call, __VA_ARGS__), #call)
