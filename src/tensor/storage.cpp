#include "tensor/storage.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "base/before_waiting.hpp"
#include "base/error.hpp"
#include "base/integer.hpp"
#include "tensor/arena.hpp"
#include "tensor/run_on.hpp"

namespace modr {

namespace {

constexpr std::size_t alignment = 64;

constexpr std::size_t smallest_large = std::size_t{64} << 10;  // from here on blocks lie in the arena

struct Block {
  std::byte* data;
  std::size_t size;
};

// Twice what the machine has: more cannot be in use, and addresses between blocks are free.
std::size_t arena_bytes() {
  return 2 * static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t rounded(std::size_t bytes) {
  if (bytes >= smallest_large) return Arena::rounded(bytes);
  std::size_t step = alignment;
  while (step * 16 <= bytes) step *= 2;
  return std::max(alignment, round_up(bytes, step));
}

// Large blocks lie in the arena. Small ones are kept by size when they are freed: a request takes the smallest free
// one of at least its size and at most twice that. Their sizes are rounded up by at most an eighth.
class CachingAllocator {
 public:
  Block take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    Block block = take_large_or_small(bytes);
    if (block.data == nullptr) {
      release_free();
      block = take_large_or_small(bytes);
    }
    if (block.data == nullptr) fail("out of memory: a tensor of {} bytes was asked for", bytes);
    in_use_ += block.size;
    peak_ = std::max(peak_, in_use_);
    held_ = std::max(held_, in_use_);
    return block;
  }

  void give_back(Block block) {
    const std::lock_guard lock(mutex_);
    if (arena_.contains(block.data)) arena_.give_back(block.data, block.size);
    else free_[block.size].push_back(block.data);
    in_use_ -= block.size;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    release_free();
  }

  void reset_peak() {
    const std::lock_guard lock(mutex_);
    peak_ = in_use_;
  }

  AllocatorStats stats() {
    const std::lock_guard lock(mutex_);
    return {in_use_, peak_, held_ - in_use_, small_allocations_ + arena_.growths()};
  }

 private:
  Block take_large_or_small(std::size_t bytes) {
    const std::size_t size = rounded(bytes);
    if (bytes >= smallest_large) {
      const std::size_t extent = arena_.extent();
      if (std::byte* data = arena_.take(bytes)) {
        held_ += arena_.extent() - extent;
        return {data, size};
      }
    }
    if (const Block block = take_free(size); block.data != nullptr) return block;
    auto* data = static_cast<std::byte*>(std::aligned_alloc(alignment, size));
    if (data != nullptr) {
      ++small_allocations_;
      held_ += size;
    }
    return {data, size};
  }

  Block take_free(std::size_t size) {
    const auto found = free_.lower_bound(size);
    if (found == free_.end() || found->first > 2 * size) return {nullptr, 0};
    const Block block{found->second.back(), found->first};
    found->second.pop_back();
    if (found->second.empty()) free_.erase(found);
    return block;
  }

  void release_free() {
    arena_.release();
    for (auto& [size, blocks] : free_)
      for (std::byte* block : blocks) std::free(block);
    free_.clear();
    held_ = in_use_;
  }

  std::mutex mutex_;
  Arena arena_{arena_bytes()};
  std::map<std::size_t, std::vector<std::byte*>> free_;  // small blocks
  std::size_t in_use_ = 0, peak_ = 0;
  std::size_t held_ = 0;  // taken from the system and not released since
  std::size_t small_allocations_ = 0;
};

CachingAllocator& allocator() {
  static auto* instance = new CachingAllocator;  // never destroyed: static tensors may outlive any order of exit
  return *instance;
}

[[noreturn]] void fail_without_memory(std::size_t bytes, Device device) {
  const kernels::GpuMemory memory = kernels::memory_of(cuda_place(device));
  constexpr double gib = 1 << 30;
  fail("out of memory on {}: a tensor of {:.2f} GiB was asked for; of {:.2f} GiB this process uses {:.2f} and {:.2f} are "
       "free",
       name_of(device), static_cast<double>(bytes) / gib, static_cast<double>(memory.total) / gib,
       static_cast<double>(memory.in_use) / gib, static_cast<double>(memory.free) / gib);
}

}  // namespace

Storage::Storage(std::size_t bytes, Device device) : device_(device) {
  if (device.is_meta()) {
    entry_ = std::make_unique<MemoryLedger::Entry>(bytes);
    return;
  }
  if (device.is_cuda()) {
    data_ = kernels::allocate(cuda_place(device), bytes);
    if (data_ == nullptr) fail_without_memory(bytes, device);
    return;
  }
  const Block block = allocator().take(bytes);
  data_ = block.data;
  capacity_ = block.size;
}

Storage::~Storage() {
  if (data_ == nullptr) return;
  if (device_.is_cuda()) kernels::release(cuda_place(device_), data_);
  else allocator().give_back({data_, capacity_});
}

namespace {

std::atomic<int64_t> copies_to_host = 0;

}  // namespace

void copy_to_host(const Storage& from, std::size_t first, std::span<std::byte> to) {
  copies_to_host.fetch_add(1, std::memory_order_relaxed);
  if (from.device().is_meta())
    std::ranges::fill(to, std::byte{0});
  else if (from.device().is_cpu())
    std::copy_n(from.data() + first, to.size(), to.data());
  else {
    before_waiting();
    kernels::copy_to_host(cuda_place(from.device()), from.data() + first, to.size(), to.data());
  }
}

void copy_to_device(std::span<const std::byte> from, const Storage& to) {
  if (to.device().is_cpu())
    std::ranges::copy(from, to.data());
  else if (to.device().is_cuda())
    kernels::copy_to_device(cuda_place(to.device()), from.data(), from.size(), to.data());
}

int64_t host_copies() { return copies_to_host.load(std::memory_order_relaxed); }

kernels::Cuda cuda_place(Device device) { return kernels::place_of_gpu(device.index); }

std::optional<kernels::GpuMemory> own_memory(Device device) {
  if (!device.is_cuda()) return std::nullopt;
  return kernels::memory_of(cuda_place(device));
}

void synchronize(Device device) {
  if (!device.is_cuda()) return;
  before_waiting();
  kernels::synchronize(cuda_place(device));
}

std::size_t block_bytes(std::size_t bytes) { return rounded(bytes); }
AllocatorStats allocator_stats() { return allocator().stats(); }
void reset_allocator_peak() { allocator().reset_peak(); }
void release_cached_memory() { allocator().release(); }

}  // namespace modr
