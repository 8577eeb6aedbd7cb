#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace modr {

/// A reference-counted block of memory, aligned to 64 bytes, that tensors look into. Blocks come from and go back to a
/// caching allocator, since training asks for the same sizes at every step; what it has once taken from the system it
/// keeps, large blocks in one arena (arena.hpp).
class Storage {
 public:
  explicit Storage(std::size_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() { return data_; }

  /// How often its values were changed, as far as the writers say so with change(); see Tensor::changed().
  uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  void change() { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::byte* data_;
  std::size_t capacity_;  // of the block, at least what was asked for
  std::atomic<uint64_t> version_ = 0;
};

/// Size of the block that a tensor of `bytes` gets, as far as no larger one is free.
std::size_t block_bytes(std::size_t bytes);

/// What the allocator holds, in bytes.
struct AllocatorStats {
  std::size_t in_use = 0;  // blocks that tensors look into now
  std::size_t peak = 0;    // largest in_use so far
  std::size_t cached = 0;  // free, kept for reuse
  std::size_t system_allocations = 0;  // how often memory was taken from the system
};
AllocatorStats allocator_stats();
/// From here on, the peak is of what comes.
void reset_allocator_peak();

/// Gives the cached free blocks back to the system.
void release_cached_memory();

}  // namespace modr
