#include "comm/mpi_counter.hpp"

#include "comm/mpi_check.hpp"

namespace modr {

namespace {

constexpr int owner = 0;  // the rank that has the number

class MpiCounter final : public CounterBackend {
 public:
  explicit MpiCounter(MPI_Comm comm) {
    int rank = 0;
    MODR_MPI(MPI_Comm_rank, comm, &rank);
    int64_t* number = nullptr;
    const MPI_Aint bytes = rank == owner ? sizeof(int64_t) : 0;
    // Allocated by MPI, so that it lies in shared memory where all ranks are on one node.
    MODR_MPI(MPI_Win_allocate, bytes, sizeof(int64_t), MPI_INFO_NULL, comm, &number, &window_);
    MODR_MPI(MPI_Win_set_errhandler, window_, MPI_ERRORS_RETURN);
    MODR_MPI(MPI_Win_lock_all, MPI_MODE_NOCHECK, window_);
    if (rank == owner) *number = 0;
    MODR_MPI(MPI_Win_sync, window_);
    MODR_MPI(MPI_Barrier, comm);
  }

  int64_t next() override {
    const int64_t one = 1;
    int64_t drawn = 0;
    MODR_MPI(MPI_Fetch_and_op, &one, &drawn, MPI_INT64_T, owner, 0, MPI_SUM, window_);
    MODR_MPI(MPI_Win_flush, owner, window_);
    return drawn;
  }

  void close() override {
    MODR_MPI(MPI_Win_unlock_all, window_);
    MODR_MPI(MPI_Win_free, &window_);
  }

 private:
  MPI_Win window_ = MPI_WIN_NULL;
};

}  // namespace

std::unique_ptr<CounterBackend> make_mpi_counter(MPI_Comm comm) { return std::make_unique<MpiCounter>(comm); }

}  // namespace modr
