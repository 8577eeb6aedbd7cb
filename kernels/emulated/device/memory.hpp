#pragma once
// What kernels/cuda/device/memory.hpp says, without caches; and kernels run one after the other.
#include <cuda_runtime.h>

#include "kernels/cuda/pack.hpp"

namespace modr::emulated {
/// Counts the calling thread as one that has waited.
void wait_for_previous_kernel();
}  // namespace modr::emulated

namespace modr::kernels {

template <int count, typename T>
Pack<T, count> load_once(const T* memory, int64_t i) {
  static_assert(sizeof(Pack<T, count>) == 16);
  return load_pack<count>(memory, i);
}
inline void prefetch_line(const void*) {}
inline void wait_for_previous_kernel() { emulated::wait_for_previous_kernel(); }

}  // namespace modr::kernels
