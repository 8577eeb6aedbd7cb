#pragma once
// Sums, and the largest, over the threads of a warp and of a block, in an order that depends on nothing but the block's
// size.
#include <cuda_runtime.h>

#include <device/shared.hpp>

namespace modr::kernels {

/// The sum of all lanes, the same in each. All 32 lanes must come.
template <typename T>
__device__ inline T warp_sum(T value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(0xffffffffu, value, lanes);
  return value;
}

/// The larger; a NaN loses against a number.
template <typename T>
__device__ inline T larger(T a, T b) {
  return a > b || b != b ? a : b;
}

/// The largest of all lanes, the same in each. All 32 lanes must come.
template <typename T>
__device__ inline T warp_max(T value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value = larger(value, __shfl_xor_sync(0xffffffffu, value, lanes));
  return value;
}

/// One value of each warp.
template <typename T>
struct OfWarps {
  T of[32];
};

/// Gives each thread what the warps of the block have. All threads must come, in whole warps, blockDim.y and z being 1.
template <typename T>
__device__ inline const OfWarps<T>& share_of_warps(T value) {
  OfWarps<T>& all = block_shared<OfWarps<T>>();
  __syncthreads();  // the last use of `all` is over
  if (threadIdx.x % 32 == 0) all.of[threadIdx.x / 32] = value;
  __syncthreads();
  return all;
}

/// The sum of all threads, the same in each. All threads must come, in whole warps, blockDim.y and z being 1.
template <typename T>
__device__ inline T block_sum(T value) {
  const OfWarps<T>& sums = share_of_warps(warp_sum(value));
  T all = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) all += sums.of[warp];
  return all;
}

/// The largest of all threads, likewise.
template <typename T>
__device__ inline T block_max(T value) {
  const OfWarps<T>& values = share_of_warps(warp_max(value));
  T all = values.of[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) all = larger(all, values.of[warp]);
  return all;
}

template <typename T>
struct PrefixSum {
  T before, all;
};

/// The sum over the threads before this one and that over all, of integers. All threads must come, as for block_sum().
template <typename T>
__device__ inline PrefixSum<T> block_prefix_sum(T value) {
  T up_to_here = value;
  for (unsigned lanes = 1; lanes < 32; lanes *= 2) {
    const T sum = __shfl_up_sync(0xffffffffu, up_to_here, lanes);
    if (threadIdx.x % 32 >= lanes) up_to_here += sum;
  }
  const OfWarps<T>& sums = share_of_warps(__shfl_sync(0xffffffffu, up_to_here, 31));
  PrefixSum<T> sum{up_to_here - value, 0};
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) {
    if (warp < threadIdx.x / 32) sum.before += sums.of[warp];
    sum.all += sums.of[warp];
  }
  return sum;
}

}  // namespace modr::kernels
