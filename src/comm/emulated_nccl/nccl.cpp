// NCCL's calls, as nccl.h of the emulated build declares them: what each checks, and when it begins.
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "comm/emulated_nccl/communicator.hpp"
#include "comm/emulated_nccl/creation.hpp"
#include "comm/mpi_check.hpp"
#include "comm/nccl/nccl_check.hpp"
#include "kernels/emulated/control.hpp"

using namespace modr::emulated;
using modr::fail;

namespace {

// Between ncclGroupStart and the ncclGroupEnd that belongs to it.
struct Group {
  int depth = 0;
  ncclComm* comm = nullptr;
  Launch launch{};
};
thread_local Group group;

// So often a communicator that does not block says that something is in progress.
constexpr int polls_of_a_call = 2;

void check_no_group(const char* call) {
  if (group.depth > 0)
    fail("emulated NCCL: {} in a group that was left open: {} calls wait for ncclGroupEnd", call,
         group.launch.calls.size());
}

void check_ready(const ncclComm* comm) {
  if (comm == nullptr) fail("emulated NCCL: no communicator");
  if (comm->is_aborted || comm->is_finalized)
    fail("emulated NCCL: a communicator is used after it was {}", comm->is_aborted ? "aborted" : "finalized");
  if (comm->creation)
    fail(
        "emulated NCCL: a communicator is used before its creation is done: poll "
        "ncclCommGetAsyncError");
  if (comm->polls > 0)
    fail(
        "emulated NCCL: a communicator is used while its last call is in progress: poll "
        "ncclCommGetAsyncError");
  if (comm->mpi == MPI_COMM_NULL) fail("emulated NCCL: a communicator is used whose creation failed");
}

int64_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
      return 1;
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclFloat64:
      return 8;
  }
  fail("emulated NCCL: elements of type {} are not emulated", static_cast<int>(type));
}

void check_memory(const char* what, const void* memory, int64_t bytes) {
  if (bytes > 0 && !reaches(memory, static_cast<std::size_t>(bytes)))
    fail("emulated NCCL: {} {} bytes at {}, which are not the device's", what, bytes, memory);
}

void check_call(const ncclComm& comm, const Call& call) {
  const bool has_peer =
      call.kind == CallKind::broadcast || call.kind == CallKind::send || call.kind == CallKind::receive;
  if (has_peer && (call.peer < 0 || call.peer >= comm.size))
    fail("emulated NCCL: rank {} of a communicator of {}", call.peer, comm.size);
  const int64_t bytes = call.count * size_of(call.type);
  const bool is_root = call.kind != CallKind::broadcast || comm.rank == call.peer;
  if (call.kind != CallKind::receive && is_root)
    check_memory("reads", call.from, call.kind == CallKind::reduce_scatter ? bytes * comm.size : bytes);
  if (call.kind != CallKind::send)
    check_memory("writes", call.to, call.kind == CallKind::all_gather ? bytes * comm.size : bytes);
}

// A communicator that does not block begins later: only when it has been polled may one rely on the stream's order.
ncclResult_t end_group() {
  if (group.depth > 0 || group.launch.calls.empty()) return ncclSuccess;
  ncclComm& comm = *std::exchange(group.comm, nullptr);
  Launch launch = std::exchange(group.launch, {});
  if (comm.blocking) {
    enqueue_launch(&comm, std::move(launch));
    return ncclSuccess;
  }
  comm.launching.push_back(std::move(launch));
  comm.polls = polls_of_a_call;
  return ncclInProgress;
}

ncclResult_t begin(ncclComm_t comm, cudaStream_t stream, const Call& call) {
  check_ready(comm);
  check_call(*comm, call);
  const bool is_message = call.kind == CallKind::send || call.kind == CallKind::receive;
  if (is_message && call.peer == comm->rank && group.depth == 0)
    fail("emulated NCCL: a message to oneself outside of a group (NCCL would hang)");
  if (group.comm != nullptr && (group.comm != comm || group.launch.stream != stream))
    fail("emulated NCCL: one group over several communicators or streams is not emulated");
  group.comm = comm;
  group.launch.stream = stream;
  group.launch.calls.push_back(call);
  return end_group();
}

}  // namespace

bool modr::nccl_is_here() { return true; }

ncclComm::ncclComm(int of_rank, int of_size)
    : rank(of_rank),
      size(of_size),
      num_sends(static_cast<std::size_t>(of_size)),
      num_receives(static_cast<std::size_t>(of_size)) {}

ncclComm::~ncclComm() {
  int is_over = 0;
  MODR_SERIALIZED(MPI_Finalized, &is_over);
  if (mpi != MPI_COMM_NULL && is_over == 0) MODR_SERIALIZED(MPI_Comm_free, &mpi);
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclSystemError:
      return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInternalError:
      return "internal error - please report this issue to the NCCL developers";
    case ncclInvalidArgument:
      return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidUsage:
      return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
  }
  return "unknown result code";
}

const char* ncclGetLastError(ncclComm_t comm) { return comm == nullptr ? "" : comm->last_error.c_str(); }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  check_no_group("ncclGetUniqueId");
  static std::atomic<int32_t> number = 0;
  Creation::Meeting meeting{-1, number++};
  MODR_MPI(MPI_Comm_rank, MPI_COMM_WORLD, &meeting.root);
  std::memset(id, 0, sizeof *id);
  std::memcpy(id->internal, &meeting, sizeof meeting);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank, ncclConfig_t* config) {
  check_no_group("ncclCommInitRankConfig");
  if (ranks < 1 || rank < 0 || rank >= ranks) fail("emulated NCCL: a communicator with rank {} of {}", rank, ranks);
  Creation::Meeting meeting;
  std::memcpy(&meeting, id.internal, sizeof meeting);
  *comm = new ncclComm(rank, ranks);
  (*comm)->blocking = config == nullptr || config->blocking != 0;
  (*comm)->creation = std::make_unique<Creation>(**comm, meeting);
  if (!(*comm)->blocking) return ncclInProgress;
  ncclResult_t result = ncclInProgress;
  while (result == ncclInProgress) ncclCommGetAsyncError(*comm, &result);
  return result;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  if (comm == nullptr || comm->is_aborted) fail("emulated NCCL: no communicator to ask for its error");
  if (comm->creation) {
    *error = comm->creation->poll();
    if (*error != ncclInProgress) comm->creation.reset();
    return ncclSuccess;
  }
  *error = comm->polls > 0 && --comm->polls > 0 ? ncclInProgress : ncclSuccess;
  if (*error == ncclSuccess)
    for (Launch& launch : std::exchange(comm->launching, {})) enqueue_launch(comm, std::move(launch));
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  check_no_group("ncclCommFinalize");
  check_ready(comm);
  if (comm->under_way > 0)
    fail("emulated NCCL: a communicator is finalized before {} operations are done: wait for them", comm->under_way);
  comm->is_finalized = true;
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm != nullptr && !comm->is_finalized) ncclCommFinalize(comm);
  delete comm;
  return ncclSuccess;
}

// What is under way ends unfinished, and its communicator stays, since MPI may still write into its buffers.
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm == nullptr || comm->is_aborted) fail("emulated NCCL: no communicator to abort");
  comm->is_aborted = true;
  if (comm->under_way == 0) delete comm;
  return ncclSuccess;
}

ncclResult_t ncclGroupStart() {
  ++group.depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (group.depth == 0) fail("emulated NCCL: ncclGroupEnd without ncclGroupStart");
  --group.depth;
  return end_group();
}

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  return begin(comm, stream, {CallKind::all_reduce, from, to, static_cast<int64_t>(count), type, op, -1});
}

ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                               ncclComm_t comm, cudaStream_t stream) {
  return begin(comm, stream, {CallKind::reduce_scatter, from, to, static_cast<int64_t>(count), type, op, -1});
}

ncclResult_t ncclAllGather(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  return begin(comm, stream, {CallKind::all_gather, from, to, static_cast<int64_t>(count), type, ncclSum, -1});
}

ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  return begin(comm, stream, {CallKind::broadcast, from, to, static_cast<int64_t>(count), type, ncclSum, root});
}

ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return begin(comm, stream, {CallKind::send, from, nullptr, static_cast<int64_t>(count), type, ncclSum, peer});
}

ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return begin(comm, stream, {CallKind::receive, nullptr, to, static_cast<int64_t>(count), type, ncclSum, peer});
}
