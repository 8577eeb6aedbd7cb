#include "tensor/storage.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "base/error.hpp"

namespace modr {

namespace {

constexpr std::size_t alignment = 64;

struct Block {
  std::byte* data;
  std::size_t size;
};

// Keeps freed blocks by size. A request takes the smallest free block of at least its size and at most twice that, so
// that batches of changing lengths share memory. Sizes are rounded up by at most an eighth.
class CachingAllocator {
 public:
  static std::size_t rounded(std::size_t bytes) {
    std::size_t step = alignment;
    while (step * 16 <= bytes) step *= 2;
    return std::max(alignment, (bytes + step - 1) / step * step);
  }

  Block take(std::size_t bytes) {
    const std::size_t size = rounded(bytes);
    Block block = take_free(size);
    if (block.data == nullptr) block = {static_cast<std::byte*>(std::aligned_alloc(alignment, size)), size};
    if (block.data == nullptr) {
      release();
      block.data = static_cast<std::byte*>(std::aligned_alloc(alignment, size));
    }
    if (block.data == nullptr) fail("out of memory: a tensor of {} bytes was asked for", bytes);
    const std::lock_guard lock(mutex_);
    stats_.in_use += block.size;
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    return block;
  }

  void give_back(Block block) {
    const std::lock_guard lock(mutex_);
    free_[block.size].push_back(block.data);
    stats_.in_use -= block.size;
    stats_.cached += block.size;
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
  Block take_free(std::size_t size) {
    const std::lock_guard lock(mutex_);
    const auto found = free_.lower_bound(size);
    if (found == free_.end() || found->first > 2 * size) return {nullptr, 0};
    const Block block{found->second.back(), found->first};
    found->second.pop_back();
    if (found->second.empty()) free_.erase(found);
    stats_.cached -= block.size;
    return block;
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<std::byte*>> free_;
  AllocatorStats stats_;
};

CachingAllocator& allocator() {
  static auto* instance = new CachingAllocator;  // never destroyed: static tensors may outlive any order of exit
  return *instance;
}

}  // namespace

Storage::Storage(std::size_t bytes) {
  const Block block = allocator().take(bytes);
  data_ = block.data;
  capacity_ = block.size;
}
Storage::~Storage() { allocator().give_back({data_, capacity_}); }

AllocatorStats allocator_stats() { return allocator().stats(); }
void release_cached_memory() { allocator().release(); }

}  // namespace modr
