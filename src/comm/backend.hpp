#pragma once
// What a way of communicating has to offer. Communicator is the only caller: it has checked all arguments by then.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace modr {

enum class ReduceOp { sum, max, min };

/// Element types that a backend can add and compare.
enum class ReduceType { f32, f64, i64 };

/// The implementation of WorkCounter on one backend.
class CounterBackend {
 public:
  virtual ~CounterBackend() = default;
  virtual int64_t next() = 0;
  /// Collective.
  virtual void close() = 0;
};

/// A group of ranks that communicate. Calls are collective and blocking unless they say otherwise; each accepts any
/// 64-bit size. Destructors do not communicate: what belongs to a group is released when the job ends.
class CommBackend {
 public:
  virtual ~CommBackend() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::shared_ptr<CommBackend> split(int color, int key) = 0;
  virtual void barrier() = 0;
  /// In place, over `count` elements of `type`; every rank gets the same bits.
  virtual void all_reduce(void* values, int64_t count, ReduceType type, ReduceOp op) = 0;
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  /// `all` has size() blocks of `mine.size()` bytes, in rank order.
  virtual void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
  /// Block r of `all` has `sizes[r]` bytes, the blocks follow each other; `all` is read on the root alone.
  virtual void gather(std::span<const std::byte> mine, std::span<std::byte> all, std::span<const int64_t> sizes,
                      int root) = 0;
  virtual std::unique_ptr<CounterBackend> make_counter() = 0;
};

}  // namespace modr
