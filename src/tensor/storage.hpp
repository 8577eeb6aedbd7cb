#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/device.hpp"
#include "kernels/api/gpu.hpp"
#include "tensor/memory_ledger.hpp"

namespace modr {

/// A reference-counted block of a device's memory, aligned to 64 bytes, that tensors look into. The host's come from
/// and go back to a caching allocator, since training asks for the same sizes at every step; what it has once taken
/// from the system it keeps, large blocks in one arena (arena.hpp). A GPU's come from its pool and go back to it in the
/// order of its stream (kernels/api/gpu.hpp). Those of meta are entries in a ledger.
class Storage {
 public:
  /// Throws Error where there is no memory left, or no such device.
  Storage(std::size_t bytes, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  /// On the device; null of meta.
  std::byte* data() const { return data_; }
  Device device() const { return device_; }
  /// What it is there for from now on, in the books of a plan: of meta.
  void set_use(std::string_view use) {
    if (entry_) entry_->set_use(use);
  }

  /// How often its values were changed, as far as the writers say so with change(); see Tensor::changed().
  uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  void change() { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  Device device_;
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;  // of the block, at least what was asked for
  std::unique_ptr<MemoryLedger::Entry> entry_;
  std::atomic<uint64_t> version_ = 0;
};

/// Copies between the host and a storage's device, from byte `first` of it on; reading meta gives zeros.
void copy_to_host(const Storage& from, std::size_t first, std::span<std::byte> to);
void copy_to_device(std::span<const std::byte> from, const Storage& to);

/// How often values were copied to the host: by Tensor::item(), to_vector(), to(cpu) and DeviceBuffer::to_host(), for
/// each of which a GPU's work would be waited for. Counted on every device.
int64_t host_copies();

/// What the memory of a device holds that has one of its own: a GPU. Throws Error where there is no such GPU.
std::optional<kernels::GpuMemory> own_memory(Device device);

/// Waits for all work of the device; what went wrong there is an Error here. Nothing for others than GPUs.
void synchronize(Device device);

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
