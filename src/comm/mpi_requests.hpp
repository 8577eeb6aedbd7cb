#pragma once
// For this room's MPI files only.
#include <mpi.h>

#include <cstdint>
#include <deque>
#include <vector>

#include "comm/mpi_check.hpp"
#include "comm/tag.hpp"

namespace modr {

/// `count` bytes, the next such element beginning `stride` bytes after this one.
class StridedType {
 public:
  StridedType(int count, int64_t stride);
  StridedType(const StridedType&) = delete;
  StridedType& operator=(const StridedType&) = delete;
  ~StridedType() { MODR_SERIALIZED(MPI_Type_free, &type_); }
  MPI_Datatype get() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

/// The MPI requests of one operation.
class MpiRequests {
 public:
  /// Where the next non-blocking call puts its request: valid until the next add().
  MPI_Request* add() { return &requests_.emplace_back(MPI_REQUEST_NULL); }
  /// A type that lives as long as the requests.
  MPI_Datatype add_type(int count, int64_t stride) { return types_.emplace_back(count, stride).get(); }

  /// Whether all have finished, or have failed.
  bool done();
  /// Throws Error when one has failed, of the call that `tag` describes.
  void check(const Tag& tag) const;

 private:
  std::vector<MPI_Request> requests_;
  std::vector<MPI_Status> statuses_;
  std::deque<StridedType> types_;
  int first_error_ = MPI_SUCCESS;
};

}  // namespace modr
