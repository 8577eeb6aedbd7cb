#pragma once
// The only way a kernel starts: no <<< >>>, so that a compiler of the host reads the same source (kernels/emulated).
#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/exceptions.hpp"
#include "kernels/api/place.hpp"

namespace modr::kernels {

/// Throws Error with CUDA's text where a call of it failed.
inline void check_cuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw Error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(error));
}

/// The stream of a place, whose device becomes that of the calling thread.
inline cudaStream_t stream_of(Cuda on) {
  check_cuda(cudaSetDevice(on.device), "choice of the device");
  return static_cast<cudaStream_t>(on.stream);
}

/// What CUDA takes as a kernel's arguments.
inline constexpr std::size_t most_argument_bytes = 4096;

struct Launch {
  dim3 grid, block;
  std::size_t shared_bytes;  // dynamic
  cudaStream_t stream;
  bool early = false;  // may begin before the kernel in front of it has ended: see wait_for_previous_kernel()
};

/// Puts a kernel into the stream's order; nothing where the grid has no blocks. Throws Error.
template <typename... Params, typename... Args>
void launch(const Launch& at, void (*kernel)(Params...), Args&&... args) {
  static_assert((std::size_t{0} + ... + sizeof(Params)) <= most_argument_bytes);
  if (at.grid.x == 0 || at.grid.y == 0 || at.grid.z == 0) return;
  constexpr std::size_t usual_shared_bytes = 48 << 10;
  if (at.shared_bytes > usual_shared_bytes)
    check_cuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(at.shared_bytes)),
               "shared memory of a kernel");
  cudaLaunchConfig_t config{};
  config.gridDim = at.grid;
  config.blockDim = at.block;
  config.dynamicSmemBytes = at.shared_bytes;
  config.stream = at.stream;
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  if (at.early) {
    config.attrs = &early;
    config.numAttrs = 1;
  }
  check_cuda(cudaLaunchKernelEx(&config, kernel, static_cast<Params>(std::forward<Args>(args))...),
             "launch of a kernel");
}

/// Of the place's GPU.
inline int multiprocessors_of(Cuda on) {
  int count = 0;
  check_cuda(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, on.device), "number of multiprocessors");
  return count;
}

/// Blocks for `n` things, `each` a block, at most `most`: kernels stride over the rest.
inline unsigned blocks_for(int64_t n, int64_t each, int64_t most) {
  return static_cast<unsigned>(std::min((n + each - 1) / each, most));
}

}  // namespace modr::kernels
