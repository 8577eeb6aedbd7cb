#pragma once
// The program's one way to talk between ranks. There is no global world: functions are handed a Communicator.
#include <cstddef>
#include <cstdint>
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
/// the group makes them, in the same order, with the same sizes, root and operation) and have finished with the
/// caller's memory when they return. Wrong arguments, and failures inside MPI, throw Error. One thread at a time.
class Communicator {
 public:
  /// Wraps a backend, see MpiSession::world() and self().
  explicit Communicator(std::shared_ptr<CommBackend> backend);
  /// The group that is this process alone. Takes the same path as any other.
  static Communicator self();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }

  /// The ranks that give the same `color` (>= 0) become one group, ordered by `key`, then by rank.
  Communicator split(int color, int key) const;
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

  /// For the other parts of this room.
  CommBackend& backend() const { return *backend_; }

 private:
  void check_root(const char* operation, int root) const;
  void broadcast_bytes(std::span<std::byte> bytes, int root) const;
  void all_gather_bytes(std::span<const std::byte> mine, std::span<std::byte> all) const;

  std::shared_ptr<CommBackend> backend_;
  int rank_;
  int size_;
};

}  // namespace modr
