#include "comm/bare_alltoallv.hpp"

#include <cstdint>
#include <span>
#include <vector>

#include "comm/chunks.hpp"
#include "comm/mpi_check.hpp"

namespace modr {

namespace {

// Bytes to or from each rank and where they begin, as MPI takes them.
struct Blocks {
  Blocks(std::span<const int64_t> counts, int64_t element_size) {
    int64_t offset = 0;
    for (const int64_t count : counts) {
      sizes.push_back(narrow_count(count * element_size));
      offsets.push_back(narrow_count(offset));
      offset += count * element_size;
    }
  }

  std::vector<int> sizes, offsets;
};

}  // namespace

BareAllToAllV make_bare_alltoallv() {
  int is_up = 0;
  MODR_MPI(MPI_Initialized, &is_up);
  if (is_up == 0) fail("a bare MPI_Alltoallv: expected a job of mpirun or srun, this process was started by itself");
  MPI_Comm comm = MPI_COMM_NULL;
  MODR_MPI(MPI_Comm_dup, MPI_COMM_WORLD, &comm);
  return [comm](const Exchange& exchange) {
    const Blocks to(exchange.send_counts, exchange.element_size), from(exchange.receive_counts, exchange.element_size);
    MODR_MPI(MPI_Alltoallv, exchange.send.data(), to.sizes.data(), to.offsets.data(), MPI_BYTE,
             exchange.receive.data(), from.sizes.data(), from.offsets.data(), MPI_BYTE, comm);
  };
}

}  // namespace modr
