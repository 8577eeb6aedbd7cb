#pragma once
// For the emulated NCCL only.
#include <mpi.h>
#include <nccl.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/emulated_nccl/patience.hpp"

namespace modr::emulated {

/// Seconds since it was made.
class Waited {
 public:
  bool is_too_long() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() > patience_;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double patience_ = nccl_patience();
};

/// A communicator that is being made: its ranks meet at rank 0, over MPI's world.
class Creation;

enum class CallKind : int32_t { all_reduce, reduce_scatter, all_gather, broadcast, send, receive };

/// One call of NCCL.
struct Call {
  CallKind kind;
  const void* from;
  void* to;
  int64_t count;
  ncclDataType_t type;
  ncclRedOp_t op;
  int peer;  // or the root; -1: none
};

/// What begins as one: a call, or all that stood in a group.
struct Launch {
  std::vector<Call> calls;
  cudaStream_t stream;
};

/// Puts a launch into its stream's order.
void enqueue_launch(ncclComm* comm, Launch launch);

}  // namespace modr::emulated

struct ncclComm {
  explicit ncclComm(int of_rank, int of_size);
  ~ncclComm();

  int rank, size;
  MPI_Comm mpi = MPI_COMM_NULL;
  std::unique_ptr<modr::emulated::Creation> creation;  // while it is made
  bool blocking = true;
  int polls = 0;                                  // that are still told 'in progress'
  std::vector<modr::emulated::Launch> launching;  // begins when these have been
  std::string last_error;
  bool is_finalized = false;
  std::atomic<bool> is_aborted = false;
  int under_way = 0;  // operations in streams
  int64_t num_collectives = 0;
  std::vector<int64_t> num_sends, num_receives;  // by rank
};
