#pragma once
#include <cstddef>

#include "kernels/api/place.hpp"

namespace modr::kernels {

/// GPUs that this process may use: 0 where there is no driver.
int gpu_count();

/// Where the work of a GPU goes: a stream of its own, as long as the process lives. Throws Error where there is no such
/// GPU or no driver for it.
Cuda place_of_gpu(int device);

/// Memory of the GPU, aligned to 256 bytes, from a pool that keeps what is given back; null where none is left. All of
/// it happens in the stream's order: what was put there before release() may still use the memory.
std::byte* allocate(Cuda, std::size_t bytes);
/// Also when the process ends, and the GPU is gone.
void release(Cuda, std::byte* memory) noexcept;

struct GpuMemory {
  std::size_t total, free;      // of the GPU, for all processes
  std::size_t in_use, at_most;  // of the pool, now and at most so far
  std::size_t held;             // by the pool, in use or kept
};
GpuMemory memory_of(Cuda);
/// From here on `at_most` is of what comes.
void reset_at_most(Cuda);

/// Copies `bytes` of the host to the GPU, in the stream's order. `from` is ordinary (pageable) memory, which may be
/// changed when it returns.
void copy_to_device(Cuda, const void* from, std::size_t bytes, void* to);
/// Copies `bytes` of the GPU to the host: waits for what the stream had to do before.
void copy_to_host(Cuda, const void* from, std::size_t bytes, void* to);
/// Waits for what the stream has to do. Throws Error with what went wrong there.
void synchronize(Cuda);

}  // namespace modr::kernels
