#pragma once
// What a way of communicating has to offer. Communicator is the only caller: it has checked all arguments by then.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "comm/activity.hpp"
#include "comm/pending.hpp"
#include "comm/stream.hpp"
#include "comm/tag.hpp"

namespace modr {

/// Element types that a backend can add and compare.
enum class ReduceType { f32, f64, i64 };

/// The implementation of WorkCounter on one backend.
class CounterBackend {
 public:
  virtual ~CounterBackend() = default;
  virtual int64_t next(int64_t taken) = 0;
  /// Collective.
  virtual void close() = 0;
};

/// Blocks of elements for every rank, one behind the other in rank order, and as many from every rank.
struct Exchange {
  std::span<const std::byte> send;
  std::span<const int64_t> send_counts;  // elements to each rank
  std::span<std::byte> receive;
  std::span<const int64_t> receive_counts;  // elements from each rank
  int64_t element_size;                     // bytes
};

/// A group of ranks that communicate. Calls are collective and blocking unless they say otherwise; each accepts any
/// 64-bit size. Destructors do not communicate: what belongs to a group is released when the job ends.
class CommBackend {
 public:
  virtual ~CommBackend() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::shared_ptr<CommBackend> split(int color, int key, const std::string& name) = 0;
  /// The ranks that have this one's colour, in their order; `color_of` says the same on all ranks.
  virtual std::shared_ptr<CommBackend> split_by(const std::function<int(int)>& color_of, const std::string& name) {
    return split(color_of(rank()), 0, name);
  }
  /// Whether on(stream) can be called. Collective the first time that a device's stream is asked for.
  virtual bool reaches(Stream stream) { return stream.is_host(); }
  /// The same group, ordered on `stream`. Throws Error where the backend cannot do that.
  virtual std::shared_ptr<CommBackend> on(Stream stream) = 0;
  /// Waits for what a device's stream has of this group.
  virtual void settle() {}
  virtual void barrier() = 0;
  /// In place, over `count` elements of `type`; every rank gets the same bits.
  virtual void all_reduce(void* values, int64_t count, ReduceType type, ReduceOp op) = 0;
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  /// `all` has size() blocks of `mine.size()` bytes, in rank order.
  virtual void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
  /// Block r of `all` has `sizes[r]` bytes, the blocks follow each other; `all` is read on the root alone.
  virtual void gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t> sizes,
                      int root) = 0;
  /// Blocks of `block_size` bytes: `send` has one for each rank, `receive` gets one of each.
  virtual void all_to_all(std::span<const std::byte> send, std::span<std::byte> receive, int64_t block_size) = 0;
  virtual Pending start_exchange(const Exchange& exchange) = 0;
  virtual void exchange(const Exchange& exchange) { start_exchange(exchange).wait(); }
  /// Not collective: messages between two ranks arrive in the order in which they were sent.
  virtual Pending start_send(std::span<const std::byte> bytes, int to, int64_t label) = 0;
  virtual Pending start_receive(std::span<std::byte> bytes, int from, int64_t label) = 0;
  /// Shared by all groups that were split from one.
  virtual void announce(const Activity& activity) = 0;
  virtual const Activity& activity() const = 0;
  virtual void set_timeout(double seconds) = 0;
  /// Whether communication has ended: each further call would throw.
  virtual bool is_lost() const = 0;
  virtual std::unique_ptr<CounterBackend> make_counter() = 0;
};

}  // namespace modr
