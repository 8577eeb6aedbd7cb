#pragma once
// For this room's MPI files only.
#include <memory>

#include "comm/backend.hpp"
#include "comm/mpi_group.hpp"

namespace modr {

/// The GPUs of a group's ranks, one each, and NCCL between them. Of comm/nccl, or of comm/no_nccl, which has none.
class NcclGroup;

/// Collective, over `host`, the MPI backend of `group`; of the GPU that is this thread's. Null, on all ranks, where
/// ranks share a GPU or one has no NCCL.
std::shared_ptr<NcclGroup> open_nccl_group(CommBackend& host, const std::shared_ptr<MpiGroup>& group);

/// The ranks of `host`, communicating in the order of a device's stream, see Communicator::on().
std::shared_ptr<CommBackend> make_nccl_backend(std::shared_ptr<CommBackend> host, std::shared_ptr<NcclGroup> nccl,
                                               Stream stream);

}  // namespace modr
