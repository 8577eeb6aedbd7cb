#pragma once
// Loads with a word about the caches, and the order of kernels. (kernels/emulated/device/memory.hpp is the emulated
// device's.)
#include <cuda_runtime.h>

#include <cstring>

#include "kernels/cuda/pack.hpp"

namespace modr::kernels {

/// Pack `i` (16 bytes) of memory that no one writes while the kernel runs, and of which each byte is read once.
template <int count, typename T>
__device__ __forceinline__ Pack<T, count> load_once(const T* memory, int64_t i) {
  static_assert(sizeof(Pack<T, count>) == 16);
  uint4 bits;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(bits.x), "=r"(bits.y), "=r"(bits.z), "=r"(bits.w)
               : "l"(reinterpret_cast<const Pack<T, count>*>(memory) + i));
  Pack<T, count> pack;
  memcpy(&pack, &bits, sizeof pack);
  return pack;
}

/// Brings the line of `address` into the cache that all multiprocessors share.
__device__ __forceinline__ void prefetch_line(const void* address) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
}

/// Of a kernel that is launched `early`: waits until the one before it in the stream has ended, and its memory is
/// there. All threads have to call it before they read or write what any kernel before writes or reads.
__device__ __forceinline__ void wait_for_previous_kernel() { asm volatile("griddepcontrol.wait;" ::: "memory"); }

}  // namespace modr::kernels
