#include "comm/mpi_requests.hpp"

#include <algorithm>

#include "comm/mpi_check.hpp"

namespace modr {

StridedType::StridedType(int count, int64_t stride) {
  MPI_Datatype plain = MPI_DATATYPE_NULL;
  MODR_MPI(MPI_Type_contiguous, count, MPI_BYTE, &plain);
  MODR_MPI(MPI_Type_create_resized, plain, 0, static_cast<MPI_Aint>(stride), &type_);
  MODR_MPI(MPI_Type_free, &plain);
  MODR_MPI(MPI_Type_commit, &type_);
}

bool MpiRequests::done() {
  if (requests_.empty()) return true;
  statuses_.resize(requests_.size());
  int all_done = 0;
  const int code = MODR_SERIALIZED(MPI_Testall, static_cast<int>(requests_.size()), requests_.data(), &all_done,
                                   statuses_.data());
  if (code == MPI_ERR_IN_STATUS) {
    const auto failed = std::ranges::find_if(statuses_, [](const MPI_Status& status) {
      return status.MPI_ERROR != MPI_SUCCESS && status.MPI_ERROR != MPI_ERR_PENDING;
    });
    first_error_ = failed == statuses_.end() ? code : failed->MPI_ERROR;
  } else {
    first_error_ = code;
  }
  if (!all_done && code == MPI_SUCCESS) return false;
  requests_.clear();
  return true;
}

void MpiRequests::check(const Tag& tag) const {
  if (first_error_ != MPI_SUCCESS) check_mpi(first_error_, describe_place(tag).c_str());
}

}  // namespace modr
