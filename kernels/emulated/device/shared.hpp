#pragma once
// Shared memory of a block. (kernels/cuda/device/shared.hpp is the GPU's.)
#include <cstddef>

#include <cuda_runtime.h>

namespace modr::emulated {
/// The block's memory of this name; the first thread that asks gets it fresh, full of NaNs. On the heap, so that
/// sanitizers know its end. At most 48 KiB a block.
void* block_memory(const void* name, std::size_t bytes);
/// The launch's dynamic shared memory, likewise.
void* dynamic_memory();
}  // namespace modr::emulated

namespace modr::kernels {

/// One T for each block, not initialised. The same T asked for twice is the same memory.
template <typename T>
T& block_shared() {
  static const char name = 0;
  return *static_cast<T*>(emulated::block_memory(&name, sizeof(T)));
}

/// The launch's dynamic shared memory, not initialised.
template <typename T>
T* dynamic_shared() {
  return static_cast<T*>(emulated::dynamic_memory());
}

}  // namespace modr::kernels
