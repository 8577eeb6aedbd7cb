#pragma once
// For the emulated NCCL only.
#include <array>
#include <cstdint>
#include <vector>

#include "comm/emulated_nccl/communicator.hpp"

namespace modr::emulated {

class Creation {
 public:
  /// What a unique id holds.
  struct Meeting {
    int32_t root = -1;  // the rank of MPI's world that asked for the id
    int32_t number = -1;
  };

  Creation(ncclComm& comm, const Meeting& meeting);
  /// ncclInProgress until all ranks have come; never blocks before. Throws Error when they do not come.
  ncclResult_t poll();

 private:
  // What each rank tells rank 0.
  struct Arrival {
    int32_t rank, size, world_rank;
    std::array<char, 256> host;
    std::array<char, 32> bus_id;
  };
  // What rank 0 answers: the ranks of the world, by rank, after a result.
  using Answer = std::vector<int32_t>;

  ncclResult_t poll_root();
  ncclResult_t poll_other();
  Answer answer_to_all() const;
  ncclResult_t make(const Answer& answer);

  ncclComm& comm_;
  Meeting meeting_;
  Arrival mine_;
  std::vector<Arrival> arrived_;  // rank 0's
  Answer answer_;
  bool is_asked_ = false;
  Waited waited_;
};

}  // namespace modr::emulated
