#pragma once
// Dynamic hand-out of work: a rank that finishes early simply draws more often.
#include <cstdint>
#include <memory>

#include "comm/communicator.hpp"

namespace modr {

/// A counter that all ranks of a group share: next() gives 0, 1, 2, ... each exactly once over all ranks.
///
/// On MPI it is an integer in a window of rank 0, drawn by fetch-and-add. Where MPI does that without rank 0 (Open MPI on
/// one node, RDMA networks) a draw takes microseconds; elsewhere a thread of rank 0 answers it, within a few
/// milliseconds, whatever rank 0 computes in the meantime.
class WorkCounter {
 public:
  /// Collective. Starts at 0.
  explicit WorkCounter(const Communicator& comm);
  /// Not collective. The next number, of `taken` (1 or more) that nobody else is given. Throws Error after close().
  int64_t next(int64_t taken = 1);
  /// Collective; to be called once every rank has stopped drawing. (A destructor must not communicate: a counter that
  /// is dropped without close(), as when an exception ends the job, is released with the process.)
  void close();

 private:
  std::unique_ptr<CounterBackend> backend_;
};

}  // namespace modr
