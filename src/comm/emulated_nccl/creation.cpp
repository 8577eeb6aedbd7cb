#include "comm/emulated_nccl/creation.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "comm/chunks.hpp"
#include "comm/lost_ranks.hpp"
#include "comm/mpi_check.hpp"

namespace modr::emulated {

namespace {

// MPI's tags in its world, which nothing else in this program uses.
constexpr int first_tag = 20000, num_tags = 4000;
int arrival_tag(int number) { return first_tag + number % num_tags; }
int answer_tag(int number) { return first_tag + num_tags + number % num_tags; }
int group_tag(int number) { return first_tag + 2 * num_tags + number % num_tags; }

}  // namespace

Creation::Creation(ncclComm& comm, const Meeting& meeting) : comm_(comm), meeting_(meeting), mine_{} {
  mine_.rank = comm.rank;
  mine_.size = comm.size;
  MODR_MPI(MPI_Comm_rank, MPI_COMM_WORLD, &mine_.world_rank);
  std::array<char, MPI_MAX_PROCESSOR_NAME> host{};
  int length = 0;
  MODR_MPI(MPI_Get_processor_name, host.data(), &length);
  std::copy_n(host.data(), std::min(host.size(), mine_.host.size() - 1), mine_.host.data());
  MODR_CHECK(cudaDeviceGetPCIBusId(mine_.bus_id.data(), 32, 0) == cudaSuccess, "emulated NCCL: no device");
  MODR_CHECK((comm.rank == 0) == (mine_.world_rank == meeting.root),
             "emulated NCCL: rank 0 of a communicator has to be the one that asked for its id");
  if (comm.rank == 0) arrived_.push_back(mine_);
}

ncclResult_t Creation::poll() { return comm_.rank == 0 ? poll_root() : poll_other(); }

ncclResult_t Creation::poll_root() {
  while (std::ssize(arrived_) < comm_.size) {
    int found = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MODR_MPI(MPI_Improbe, MPI_ANY_SOURCE, arrival_tag(meeting_.number), MPI_COMM_WORLD, &found, &message,
             MPI_STATUS_IGNORE);
    if (!found) {
      std::vector<int> come;
      for (const Arrival& arrival : arrived_) come.push_back(arrival.rank);
      std::ranges::sort(come);
      if (waited_.is_too_long())
        fail("emulated NCCL: of the {} ranks of a communicator only {} came to its creation (NCCL would hang)",
             comm_.size, rank_list(come));
      return ncclInProgress;
    }
    MODR_MPI(MPI_Mrecv, &arrived_.emplace_back(), sizeof(Arrival), MPI_BYTE, &message, MPI_STATUS_IGNORE);
  }
  const Answer answer = answer_to_all();
  for (const Arrival& arrival : arrived_)
    if (arrival.rank != 0)
      MODR_MPI(MPI_Send, answer.data(), narrow_count(std::ssize(answer)), MPI_INT32_T, arrival.world_rank,
               answer_tag(meeting_.number), MPI_COMM_WORLD);
  return make(answer);
}

ncclResult_t Creation::poll_other() {
  if (!is_asked_) {
    is_asked_ = true;
    MODR_MPI(MPI_Send, &mine_, sizeof mine_, MPI_BYTE, meeting_.root, arrival_tag(meeting_.number), MPI_COMM_WORLD);
    answer_.resize(static_cast<std::size_t>(1 + comm_.size));
  }
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MODR_MPI(MPI_Improbe, meeting_.root, answer_tag(meeting_.number), MPI_COMM_WORLD, &found, &message,
           MPI_STATUS_IGNORE);
  if (!found && waited_.is_too_long())
    fail("emulated NCCL: rank {} of {}: the creation of a communicator does not end (NCCL would hang)", comm_.rank,
         comm_.size);
  if (!found) return ncclInProgress;
  MODR_MPI(MPI_Mrecv, answer_.data(), narrow_count(std::ssize(answer_)), MPI_INT32_T, &message, MPI_STATUS_IGNORE);
  return make(answer_);
}

// Two ranks on one GPU are refused, as NCCL does.
Creation::Answer Creation::answer_to_all() const {
  Answer answer(static_cast<std::size_t>(1 + comm_.size), -1);
  answer[0] = ncclSuccess;
  for (const Arrival& arrival : arrived_) {
    const bool fits = arrival.size == comm_.size && arrival.rank < comm_.size;
    if (!fits || answer[static_cast<std::size_t>(1 + arrival.rank)] >= 0)
      fail("emulated NCCL: rank {} of {} comes to a communicator of {}, or comes twice", arrival.rank, arrival.size,
           comm_.size);
    answer[static_cast<std::size_t>(1 + arrival.rank)] = arrival.world_rank;
    for (const Arrival& other : arrived_)
      if (other.rank != arrival.rank && other.host == arrival.host && other.bus_id == arrival.bus_id)
        answer[0] = ncclInvalidUsage;
  }
  return answer;
}

// All are here, so that MPI's call, which blocks, does not do so for long.
ncclResult_t Creation::make(const Answer& answer) {
  if (answer[0] != ncclSuccess) {
    comm_.last_error = "Duplicate GPU detected";
    return static_cast<ncclResult_t>(answer[0]);
  }
  MPI_Group world = MPI_GROUP_NULL, group = MPI_GROUP_NULL;
  MODR_MPI(MPI_Comm_group, MPI_COMM_WORLD, &world);
  MODR_MPI(MPI_Group_incl, world, comm_.size, answer.data() + 1, &group);
  MODR_MPI(MPI_Comm_create_group, MPI_COMM_WORLD, group, group_tag(meeting_.number), &comm_.mpi);
  MODR_MPI(MPI_Comm_set_errhandler, comm_.mpi, MPI_ERRORS_RETURN);
  MODR_MPI(MPI_Group_free, &group);
  MODR_MPI(MPI_Group_free, &world);
  return ncclSuccess;
}

}  // namespace modr::emulated
