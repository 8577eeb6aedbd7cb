#pragma once
// Shared memory of a block. (kernels/emulated/device/shared.hpp is the emulated device's.)
#include <cuda_runtime.h>

namespace modr::kernels {

/// One T for each block, not initialised. The same T asked for twice is the same memory.
template <typename T>
__device__ __forceinline__ T& block_shared() {
  __shared__ __align__(16) unsigned char memory[sizeof(T)];
  return *reinterpret_cast<T*>(memory);
}

/// The launch's dynamic shared memory, not initialised.
template <typename T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char modr_dynamic_memory[];
  return reinterpret_cast<T*>(modr_dynamic_memory);
}

}  // namespace modr::kernels
