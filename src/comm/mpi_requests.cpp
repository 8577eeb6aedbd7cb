#include "comm/mpi_requests.hpp"

#include "comm/mpi_check.hpp"

namespace modr {

bool MpiRequests::done() {
  int all_done = 0;
  MODR_MPI(MPI_Testall, static_cast<int>(requests_.size()), requests_.data(), &all_done, MPI_STATUSES_IGNORE);
  return all_done != 0;
}

}  // namespace modr
