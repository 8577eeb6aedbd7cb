#include "tensor/storage.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"

namespace modr {

namespace {

constexpr std::size_t alignment = 64;

// Free blocks by exact (rounded) size. Sizes are rounded to a 1/8 of their power of two, so that nearly equal
// requests share blocks and at most 12.5 % is wasted.
class CachingAllocator {
 public:
  static std::size_t rounded(std::size_t bytes) {
    std::size_t step = alignment;
    while (step * 16 <= bytes) step *= 2;
    return std::max(alignment, (bytes + step - 1) / step * step);
  }

  std::byte* take(std::size_t bytes) {
    const std::size_t size = rounded(bytes);
    {
      const std::lock_guard lock(mutex_);
      stats_.in_use += size;
      stats_.peak = std::max(stats_.peak, stats_.in_use);
      if (auto found = free_.find(size); found != free_.end() && !found->second.empty()) {
        std::byte* block = found->second.back();
        found->second.pop_back();
        stats_.cached -= size;
        return block;
      }
    }
    auto* block = static_cast<std::byte*>(std::aligned_alloc(alignment, size));
    if (block == nullptr) {
      release();
      block = static_cast<std::byte*>(std::aligned_alloc(alignment, size));
    }
    if (block == nullptr) fail("out of memory: a tensor of {} bytes was asked for", bytes);
    return block;
  }

  void give_back(std::byte* block, std::size_t bytes) {
    const std::size_t size = rounded(bytes);
    const std::lock_guard lock(mutex_);
    free_[size].push_back(block);
    stats_.in_use -= size;
    stats_.cached += size;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : free_)
      for (std::byte* block : blocks) std::free(block);
    free_.clear();
    stats_.cached = 0;
  }

  AllocatorStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<std::byte*>> free_;
  AllocatorStats stats_;
};

CachingAllocator& allocator() {
  static auto* instance = new CachingAllocator;  // never destroyed: static tensors may outlive any order of exit
  return *instance;
}

}  // namespace

Storage::Storage(std::size_t bytes) : data_(allocator().take(bytes)), bytes_(bytes) {}
Storage::~Storage() { allocator().give_back(data_, bytes_); }

AllocatorStats allocator_stats() { return allocator().stats(); }
void release_cached_memory() { allocator().release(); }

}  // namespace modr
