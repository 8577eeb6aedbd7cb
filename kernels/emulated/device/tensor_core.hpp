#pragma once
// The instructions that have no CUDA function, each as PTX ISA describes it. (The GPU's are in
// kernels/cuda/device/tensor_core.hpp.)
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <cuda_runtime.h>

namespace modr::emulated {

struct AsyncCopy {
  void* to;
  const void* from;
};
/// Notes a copy of 16 bytes for when its group is waited for; with Streams::eager it is the caller's to do at once, and
/// the result is true.
bool start_copy(AsyncCopy copy);
void close_copy_group();
/// Gives a copy of the thread's oldest group that is still to be done, while more than `pending` groups are open.
bool next_copy(std::size_t pending, AsyncCopy& copy);

/// What each lane of the warp has at `mine`, [32]; valid until the lane's next gather. All lanes have to come.
const void* gather_warp(const void* mine, std::size_t bytes, Line line);

inline int lane_index() { return int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % warpSize; }
/// The float of the lower (0) or upper (1) bfloat16 of a pair.
inline float half_of(uint32_t pair, int i) { return std::bit_cast<float>(i == 0 ? pair << 16 : pair & 0xffff0000u); }

}  // namespace modr::emulated

namespace modr::kernels {

/// cp.async.cg of 16 aligned bytes, from global to shared memory.
inline void copy16_async(void* shared, const void* global) {
  if (emulated::start_copy({shared, global})) std::memcpy(shared, global, 16);
}
/// The thread's copies since the last call are a group.
inline void copy_commit() { emulated::close_copy_group(); }
/// All groups of the thread but the `pending` last ones are there, for this thread.
template <int pending>
void copy_wait() {
  for (emulated::AsyncCopy copy; emulated::next_copy(pending, copy);) std::memcpy(copy.to, copy.from, 16);
}

/// d += a b by one warp: a [16, 16] and b [16, 8] bfloat16, d float; fragments as mma.m16n8k16 has them. Products are
/// exact and added over ascending k in float. (In which order a GPU adds, and with what rounding, is not documented.)
inline void mma_16x8x16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  struct Lane {
    uint32_t a[4], b[2];
  };
  const Lane mine{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const auto* all = static_cast<const Lane*>(emulated::gather_warp(&mine, sizeof mine, {__FILE__, __LINE__}));
  const int lane = emulated::lane_index();
  for (int e = 0; e < 4; ++e) {
    const int row = lane / 4 + 8 * (e / 2), column = 2 * (lane % 4) + e % 2;
    for (int k = 0; k < 16; ++k) {
      const Lane &of_a = all[row % 8 * 4 + k % 8 / 2], &of_b = all[column * 4 + k % 8 / 2];
      d[e] += emulated::half_of(of_a.a[row / 8 + 2 * (k / 8)], k % 2) * emulated::half_of(of_b.b[k / 8], k % 2);
    }
  }
}

/// ldmatrix.x4: four 8 x 8 matrices of 16-bit values; lane l names row l % 8 (16 aligned bytes) of matrix l / 8, and
/// gets of each matrix the values 2 (l % 4) and 2 (l % 4) + 1 of row l / 4.
inline void load_matrices(uint32_t (&to)[4], const void* row) {
  const auto* rows = static_cast<const void* const*>(emulated::gather_warp(&row, sizeof row, {__FILE__, __LINE__}));
  const int lane = emulated::lane_index();
  for (int matrix = 0; matrix < 4; ++matrix)
    std::memcpy(&to[matrix], static_cast<const uint32_t*>(rows[matrix * 8 + lane / 4]) + lane % 4, sizeof to[matrix]);
}

}  // namespace modr::kernels
