// NCCL's functions, which load the library when the first is called: only jobs of several GPUs need it.
#include <dlfcn.h>
#include <nccl.h>

#include <string>

#include "base/error.hpp"
#include "comm/nccl/nccl_check.hpp"

namespace {

void* library() {
  static void* const opened = [] {
    void* found = nullptr;
    for (const char* place : {"libnccl.so.2", MODR_NCCL})
      if (found == nullptr) found = dlopen(place, RTLD_NOW | RTLD_LOCAL);
    return found;
  }();
  return opened;
}

// What this file's function of that name calls.
template <typename F>
F* find(F*, const char* name) {
  void* found = library() == nullptr ? nullptr : dlsym(library(), name);
  if (found == nullptr) modr::fail("NCCL cannot be loaded, or has no {}: {}", name, dlerror());
  return reinterpret_cast<F*>(found);
}

}  // namespace

bool modr::nccl_is_here() { return library() != nullptr; }

#define MODR_CALL(function, ...)                         \
  static auto* const found = find(&function, #function); \
  return found(__VA_ARGS__)

const char* ncclGetErrorString(ncclResult_t result) { MODR_CALL(ncclGetErrorString, result); }
const char* ncclGetLastError(ncclComm_t comm) { MODR_CALL(ncclGetLastError, comm); }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) { MODR_CALL(ncclGetUniqueId, id); }
ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t* config) {
  MODR_CALL(ncclCommInitRankConfig, comm, ranks, id, rank, config);
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  MODR_CALL(ncclCommGetAsyncError, comm, error);
}
ncclResult_t ncclCommAbort(ncclComm_t comm) { MODR_CALL(ncclCommAbort, comm); }

ncclResult_t ncclGroupStart() { MODR_CALL(ncclGroupStart); }
ncclResult_t ncclGroupEnd() { MODR_CALL(ncclGroupEnd); }

ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  MODR_CALL(ncclAllReduce, from, to, count, type, op, comm, stream);
}
ncclResult_t ncclAllGather(const void* from, void* to, size_t count, ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  MODR_CALL(ncclAllGather, from, to, count, type, comm, stream);
}
ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root, ncclComm_t comm,
                           cudaStream_t stream) {
  MODR_CALL(ncclBroadcast, from, to, count, type, root, comm, stream);
}
ncclResult_t ncclSend(const void* from, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  MODR_CALL(ncclSend, from, count, type, peer, comm, stream);
}
ncclResult_t ncclRecv(void* to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  MODR_CALL(ncclRecv, to, count, type, peer, comm, stream);
}
