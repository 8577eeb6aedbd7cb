#include "kernels/emulated/guard.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "kernels/emulated/sanitizers.hpp"

namespace modr::emulated {

namespace {

constexpr unsigned char guard_value = 0xa5;
const std::vector<unsigned char> whole_guard(guard_bytes, guard_value);

// With the address sanitizer the end of the block of the heap is the end of the memory: it names the line.
std::size_t guard_of() { return __asan_poison_memory_region == nullptr ? guard_bytes : 0; }

}  // namespace

void* make_guarded(std::size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, memory_alignment, std::max<std::size_t>(bytes + guard_of(), 1)) != 0)
    fail("emulated device: no memory for {} bytes", bytes);
  fill_guarded(memory, bytes);
  return memory;
}

void fill_guarded(void* memory, std::size_t bytes) {
  std::memset(memory, 0xff, bytes);
  std::memset(static_cast<char*>(memory) + bytes, guard_value, guard_of());
}

bool guard_is_whole(const void* memory, std::size_t bytes) {
  return std::memcmp(static_cast<const unsigned char*>(memory) + bytes, whole_guard.data(), guard_of()) == 0;
}

}  // namespace modr::emulated
