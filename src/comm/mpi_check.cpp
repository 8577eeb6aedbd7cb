#include "comm/mpi_check.hpp"

#include <string>

#include "base/error.hpp"

namespace modr {

std::mutex& mpi_mutex() {
  static auto& mutex = *new std::mutex;  // for whatever calls MPI in a static destructor
  return mutex;
}

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::string text(MPI_MAX_ERROR_STRING, '\0');
  int length = 0;
  if (MODR_SERIALIZED(MPI_Error_string, code, text.data(), &length) != MPI_SUCCESS) text = "unknown error";
  else text.resize(static_cast<std::size_t>(length));
  int rank = -1;
  MODR_SERIALIZED(MPI_Comm_rank, MPI_COMM_WORLD, &rank);  // -1 stays when MPI is not up
  fail("{} failed on rank {}: {} (code {})", call, rank, text, code);
}

}  // namespace modr
