#pragma once
// Sums over the threads of a warp and of a block, in an order that depends on nothing but the block's size.
#include <cuda_runtime.h>

#include <device/shared.hpp>

namespace modr::kernels {

/// The sum of all lanes, the same in each. All 32 lanes must come.
template <typename T>
__device__ inline T warp_sum(T value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xffffffffu, value, lanes);
  return value;
}

template <typename T>
struct WarpSums {
  T of[32];
};

/// The sum of all threads, the same in each. All threads must come, in whole warps, blockDim.y and z being 1.
template <typename T>
__device__ inline T block_sum(T value) {
  WarpSums<T>& sums = block_shared<WarpSums<T>>();
  value = warp_sum(value);
  __syncthreads();  // the last use of `sums` is over
  if (threadIdx.x % 32 == 0) sums.of[threadIdx.x / 32] = value;
  __syncthreads();
  T all = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) all += sums.of[warp];
  return all;
}

}  // namespace modr::kernels
