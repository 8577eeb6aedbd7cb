#pragma once
// For this room's MPI files only.
#include <mpi.h>

#include <vector>

namespace modr {

/// MPI requests that belong to one operation.
class MpiRequests {
 public:
  /// Where the next non-blocking call puts its request: valid until the next add().
  MPI_Request* add() { return &requests_.emplace_back(MPI_REQUEST_NULL); }
  /// Whether all have finished. Throws Error when one has failed.
  bool done();

 private:
  std::vector<MPI_Request> requests_;
};

}  // namespace modr
