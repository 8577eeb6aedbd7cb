#pragma once
// For this room's MPI files only.
#include <mpi.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "comm/mpi_monitor.hpp"

namespace modr {

/// A group of ranks that agree on each collective: its communicators and the comparison of tags.
///
/// With each collective goes the sum of one 64-bit number over the group, on a communicator of its own, so that ranks
/// which call different things still meet in it. The numbers are made of hashes of the tags such that they sum to zero
/// when all are equal; when they do not, the ranks send each other their tags.
class MpiGroup {
 public:
  /// Collective over `comm`, which is the group's from now on.
  MpiGroup(MPI_Comm comm, uint64_t id, const std::string& name, std::shared_ptr<MpiMonitor> monitor);
  /// Frees the communicators (MPICH has 2,048 of them), which neither MPI makes wait for the other ranks. What MPI may
  /// still write into, after ranks have lost each other, is left to the monitor, with the communicators.
  ~MpiGroup();
  MpiGroup(const MpiGroup&) = delete;
  MpiGroup& operator=(const MpiGroup&) = delete;

  MPI_Comm comm() const { return comm_; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  MpiMonitor& monitor() const { return *monitor_; }
  const std::shared_ptr<MpiMonitor>& shared_monitor() const { return monitor_; }
  /// By rank of the group the rank in the world.
  const std::vector<int32_t>& members() const { return members_; }
  int32_t member(int rank) const { return members_[static_cast<std::size_t>(rank)]; }

  /// A tag of this group, without a place in its sequence.
  Tag tag(Operation operation) const;
  /// The id of the part that gets `color` in a split that was the group's collective `sequence`.
  uint64_t id_of_part(int64_t sequence, int color) const;

  /// Tells the others that this rank calls `tag`, gives it its place in the sequence, and returns at once. `bytes` as
  /// in Call: sent and expected bytes have to be equal between each two ranks.
  void call(Tag& tag, std::vector<int64_t> bytes = {});
  /// MPI's tags for data, so that each goes where it belongs in whatever order one waits for several: of the collective
  /// `sequence`, and of the next message to or from rank `peer` of the group.
  static int data_tag(int64_t sequence);
  int next_send_tag(int peer) { return message_tag(num_sends_[static_cast<std::size_t>(peer)]++); }
  int next_receive_tag(int peer) { return message_tag(num_receives_[static_cast<std::size_t>(peer)]++); }

  /// Whether all ranks have called what this one has, up to `sequence`; never blocks while they agree. Throws CommError
  /// on all ranks when they have called different things.
  bool agreed(int64_t sequence);

 private:
  // A comparison under way.
  struct Comparison {
    Tag tag;
    std::vector<int64_t> bytes;
    uint64_t sum;
    MPI_Request request;
  };

  static int message_tag(int64_t number);
  uint64_t contribution(const Tag& tag, const std::vector<int64_t>& bytes) const;
  [[noreturn]] void disagree(const Comparison& mine);

  MPI_Comm comm_, control_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 0;
  uint64_t id_;
  std::string name_;
  std::shared_ptr<MpiMonitor> monitor_;
  std::vector<int32_t> members_;
  std::vector<int64_t> num_sends_, num_receives_;  // by rank of the group
  int64_t next_sequence_ = 0;
  std::deque<Comparison> comparisons_;  // MPI writes into them: they stay where they are, also when moved
};

}  // namespace modr
