#pragma once
// For this room's MPI files only.
#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "comm/lost_ranks.hpp"
#include "comm/status_board.hpp"

namespace modr {

/// How ranks that wait tell each other that one of them has waited too long: each sends what its node's board says to
/// all others, on a communicator that nothing else uses, and collects theirs. All of them give up then.
class MpiAlarm {
 public:
  /// Collective over `world`.
  explicit MpiAlarm(MPI_Comm world);

  /// Whether another rank has raised it.
  bool is_raised() const;
  /// Raises it, or answers: `partners` are the ranks that this one waits for. Returns what is known of every rank of
  /// the world when all that could answer have, at the latest `grace` seconds after the first raised it.
  std::vector<KnownRank> collect(const StatusBoard& board, std::span<const int32_t> partners, double grace);

 private:
  // A message that is being received. Not by a blocking call: its sender may have given up in the middle of it.
  struct Incoming {
    int source;
    std::vector<std::byte> bytes;
    MPI_Request request;
  };

  void send_to_all(const StatusBoard& board, std::span<const int32_t> partners);
  void receive_what_came(std::vector<KnownRank>& ranks);
  void take(const Incoming& incoming, std::vector<KnownRank>& ranks);

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 0;
  double raised_at_ = 0;            // by the first, in our clock
  std::vector<std::byte> message_;  // on its way until the process ends
  std::list<Incoming> incoming_;
};

}  // namespace modr
