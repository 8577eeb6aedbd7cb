#pragma once
// For this room's NCCL files only.
#include <nccl.h>

#include "base/error.hpp"

namespace modr {

/// Whether the library is on this machine.
bool nccl_is_here();

/// Throws Error with NCCL's text where a call of it failed. One that is in progress has not; see NcclGroup::launch().
inline void check_nccl(ncclResult_t result, ncclComm_t comm, const char* call) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  fail("NCCL: {}: {} ({})", call, ncclGetErrorString(result), ncclGetLastError(comm));
}

/// Throws Error with CUDA's text where a call of it failed.
inline void check_device(cudaError_t error, const char* call) {
  if (error != cudaSuccess) fail("CUDA: {}: {}", call, cudaGetErrorString(error));
}

}  // namespace modr
