#pragma once
// For this room's MPI files only.
#include <mpi.h>

#include <vector>

#include "comm/lost_ranks.hpp"

namespace modr {

/// Seconds of a clock that all processes of a node share.
double node_seconds();

/// What each rank of this node does, in shared memory: a rank's entry can be read even when its process is stopped, and
/// writing it is a copy of 176 bytes.
class StatusBoard {
 public:
  /// Collective over `world`. The memory is released with the process.
  explicit StatusBoard(MPI_Comm world);

  /// Of this rank; the seconds in it are times of node_seconds().
  void publish(const RankReport& report);
  /// Of all ranks on this node; the seconds in them are durations.
  std::vector<RankReport> read() const;
  /// True for the first caller on this node.
  bool claim_the_word();

 private:
  struct Entry;

  MPI_Win window_ = MPI_WIN_NULL;
  int node_rank_ = 0;
  std::vector<Entry*> entries_;  // by rank in the node
};

}  // namespace modr
