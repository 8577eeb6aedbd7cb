// NCCL's functions, which load the library when the first is called: only jobs of several GPUs need it.
#include <nccl.h>

#include "base/load_library.hpp"
#include "comm/nccl/nccl_check.hpp"

static void* library() {
  static void* const loaded = modr::load_library("libnccl.so.2", MODR_NCCL);
  return loaded;
}

bool modr::nccl_is_here() {
  static const bool is_here = find_library("libnccl.so.2", MODR_NCCL) != nullptr;
  return is_here;
}

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
