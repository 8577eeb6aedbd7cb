#include "kernels/api/gpu.hpp"

#include "kernels/no_cuda/missing.hpp"

namespace modr::kernels {

int gpu_count() { return 0; }
Cuda place_of_gpu(int device) { fail("cuda:{}: this program was built without CUDA", device); }

std::byte* allocate(Cuda, std::size_t) { missing(); }
void release(Cuda, std::byte*) noexcept {}
GpuMemory memory_of(Cuda) { missing(); }
void reset_at_most(Cuda) { missing(); }

void copy_to_device(Cuda, const void*, std::size_t, void*) { missing(); }
void copy_to_host(Cuda, const void*, std::size_t, void*) { missing(); }
void synchronize(Cuda) { missing(); }

}  // namespace modr::kernels
