#pragma once
#include <cuda_runtime.h>

#include <cstddef>

namespace modr::kernels {

/// That from here on in the stream's order only the first `bytes` of a piece of memory may be used, and what they held
/// not any more: nothing on a GPU, but the emulated device sees to it.
inline void limit_memory(cudaStream_t, void*, std::size_t) {}

}  // namespace modr::kernels
