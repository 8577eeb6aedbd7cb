#pragma once
// The program's one way to talk between ranks. There is no global world: functions are handed a Communicator.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "comm/backend.hpp"

namespace modr {

template <typename T>
concept Transferable = std::is_trivially_copyable_v<T>;

/// A group of ranks: a small value {rank, size, split}; copies share the group. All calls are collective (every rank of
/// the group makes them, in the same order, with the same sizes, root and operation) unless they say otherwise, and
/// have finished with the caller's memory when they return; those that are named start_ return at once, and have when
/// their Pending has finished. Wrong arguments, and failures inside MPI, throw Error. One thread at a time.
///
/// Nothing hangs: ranks that call different things, and ranks that wait longer than the time-out for one that does not
/// come, throw CommError, all with one text about who called or does what (see comm/comm_error.hpp).
class Communicator {
 public:
  /// Wraps a backend, see MpiSession::world() and self().
  explicit Communicator(std::shared_ptr<CommBackend> backend);
  /// The group that is this process alone. Takes the same path as any other.
  static Communicator self();
  /// Rank `rank` of `size` that are not there, for a step that is gone through without values (RehearsalBackend).
  static Communicator rehearsal(int64_t rank, int64_t size);

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  /// Whether both are one group: copies are, another split of the same ranks is not.
  bool operator==(const Communicator& other) const { return backend_ == other.backend_; }

  /// The ranks that give the same `color` (>= 0) become one group, ordered by `key`, then by rank. `name` is what
  /// messages call it, e.g. "branch": at most 23 characters.
  Communicator split(int color, int key, const std::string& name = "part") const;
  /// The ranks of the same color_of(rank) (>= 0), a pure function that is the same on all ranks, in their order.
  Communicator split_by(const std::function<int(int)>& color_of, const std::string& name = "part") const;
  /// Whether on(stream) can be called: there is NCCL, and each rank has a GPU of its own. Collective the first time
  /// that a group is asked for a device's stream; the same on all ranks.
  bool reaches(Stream stream) const { return backend_->reaches(stream); }
  /// The same group, communicating in the order of `stream`. Throws Error where it does not reach that. On a device's
  /// stream all spans are of that device's memory, and calls put their work into the stream's order and return: what is
  /// given to the stream afterwards finds it done, and memory may be left to the stream's allocator at once. Whether
  /// the ranks call the same is found out while later calls are made, and by settle() at the latest. A message holds up
  /// all that stands behind it until its other side has come: who sends to each other has to think of the order. What
  /// ends in the host's memory (splits, barriers, texts, numbers) is the business of the group on the host.
  Communicator on(Stream stream) const { return Communicator(backend_->on(stream)); }
  /// Waits for all that a device's stream has of this group, no longer than the time-out. (Who copies a tensor to the
  /// host has that done first: base/before_waiting.hpp.)
  void settle() const { backend_->settle(); }
  void barrier() const;

  /// Replaces `values` by the elementwise sum, maximum or minimum over ranks: the same bits on every rank.
  void all_reduce(std::span<float> values, ReduceOp op = ReduceOp::sum) const;
  void all_reduce(std::span<double> values, ReduceOp op = ReduceOp::sum) const;
  void all_reduce(std::span<int64_t> values, ReduceOp op = ReduceOp::sum) const;

  /// The reduction of one number a rank, e.g. `comm.all_reduced(loss_sum)`.
  template <typename T>
  T all_reduced(T value, ReduceOp op = ReduceOp::sum) const {
    all_reduce(std::span<T>(&value, 1), op);
    return value;
  }

  /// Every rank gets the root's values.
  template <Transferable T>
  void broadcast(std::span<T> values, int root) const {
    broadcast_bytes(std::as_writable_bytes(values), root);
  }
  /// Every rank gets the root's text (or bytes), whatever size its own has.
  void broadcast(std::string& text, int root) const;
  void broadcast(std::vector<std::byte>& bytes, int root) const;

  /// One value from every rank, in rank order.
  template <Transferable T>
  std::vector<T> all_gather(const T& value) const {
    std::vector<T> all(static_cast<std::size_t>(size_));
    all_gather(std::span<const T>(&value, 1), std::span<T>(all));
    return all;
  }
  /// `mine` of every rank, in rank order: `all` has size() * mine.size() elements.
  template <Transferable T>
  void all_gather(std::span<const T> mine, std::span<T> all) const {
    all_gather_bytes(std::as_bytes(mine), std::as_writable_bytes(all));
  }

  /// On the root every rank's text (or bytes in a string), in rank order; empty on the others.
  std::vector<std::string> gather(const std::string& mine, int root) const;

  /// k values to every rank: `send` has size() * k elements, of which block r goes to rank r. Block r of the result is
  /// what rank r sent here.
  template <Transferable T>
  std::vector<T> all_to_all(std::span<const T> send) const {
    std::vector<T> receive(send.size());
    all_to_all_bytes(std::as_bytes(send), std::as_writable_bytes(std::span(receive)), sizeof(T));
    return receive;
  }
  /// The exchange: `send_counts[r]` consecutive elements of `send` go to rank r, `receive_counts[r]` come from rank r,
  /// both in rank order. Rank r has to send as many as we expect. The counts are read before it returns.
  template <Transferable T>
  Pending start_all_to_all_v(std::span<const T> send, std::span<const int64_t> send_counts, std::span<T> receive,
                             std::span<const int64_t> receive_counts) const {
    return start_exchange(
        {std::as_bytes(send), send_counts, std::as_writable_bytes(receive), receive_counts, sizeof(T)});
  }
  template <Transferable T>
  void all_to_all_v(std::span<const T> send, std::span<const int64_t> send_counts, std::span<T> receive,
                    std::span<const int64_t> receive_counts) const {
    exchange({std::as_bytes(send), send_counts, std::as_writable_bytes(receive), receive_counts, sizeof(T)});
  }

  /// A message to one rank, which has to receive it: not collective. Messages from one rank to another arrive in the
  /// order in which they were sent. Size and `label` (e.g. the microbatch) must be equal on both sides.
  Pending start_send(std::span<const std::byte> bytes, int to, int64_t label) const;
  Pending start_receive(std::span<std::byte> bytes, int from, int64_t label) const;

  /// Tells what this rank is doing from now on, in all groups that it has: not collective, and costs nothing. It stands
  /// in messages about ranks that lost each other; ranks that meet in a collective must have told the same.
  void announce(const Activity& activity) const { backend_->announce(activity); }
  const Activity& activity() const { return backend_->activity(); }
  /// How long a rank waits for the others before it ends the job, in all groups that it has; 600 s at first.
  void set_timeout(double seconds) const;
  /// Whether this process communicates no more (a CommError was thrown, or a Pending dropped): further calls throw.
  bool is_lost() const { return backend_->is_lost(); }

  /// For the other parts of this room.
  CommBackend& backend() const { return *backend_; }

 private:
  void check_rank(const char* operation, const char* role, int rank) const;
  void broadcast_bytes(std::span<std::byte> bytes, int root) const;
  void all_gather_bytes(std::span<const std::byte> mine, std::span<std::byte> all) const;
  void all_to_all_bytes(std::span<const std::byte> send, std::span<std::byte> receive, int64_t element_size) const;
  Pending start_exchange(const Exchange& exchange) const;
  void exchange(const Exchange& exchange) const;
  void check_exchange(const Exchange& exchange) const;

  std::shared_ptr<CommBackend> backend_;
  int rank_;
  int size_;
};

}  // namespace modr
