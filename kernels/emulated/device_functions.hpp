#pragma once
// What a kernel may say: where it is, barriers, exchanges within a warp, atomics.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
// (There is no __shared__: see device/shared.hpp, whose memory is a block's own and checked for use before it is set.)

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

// The scheduler sets these whenever it lets a thread run; one grid runs at a time.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

namespace modr::emulated {

/// Where a barrier or exchange stands in the source.
struct Line {
  const char* file;
  int number;
};
inline constexpr unsigned all_lanes = 0xffffffffu;

void sync_threads(Line line);
void sync_warp(unsigned mask, Line line);

enum class Exchange { barrier, ballot, up, down, bfly, index };
/// What lane's choice by `kind` and `lane` gave as `value`, once all lanes of `mask` are here.
uint64_t exchange(Exchange kind, unsigned mask, uint64_t value, int lane, int width, Line line);

template <typename T>
T shuffle(Exchange kind, unsigned mask, T value, int lane, int width, Line line) {
  static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_trivially_copyable_v<T>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(kind, mask, bits, lane, width, line);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace modr::emulated

// (A default argument is evaluated where the call stands.)
#define MODR_LINE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(MODR_LINE) { modr::emulated::sync_threads({file, line}); }
inline void __syncwarp(unsigned mask = modr::emulated::all_lanes, MODR_LINE) {
  modr::emulated::sync_warp(mask, {file, line});
}
template <typename T>
T __shfl_sync(unsigned mask, T value, int lane, int width = warpSize, MODR_LINE) {
  return modr::emulated::shuffle(modr::emulated::Exchange::index, mask, value, lane, width, {file, line});
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize, MODR_LINE) {
  return modr::emulated::shuffle(modr::emulated::Exchange::bfly, mask, value, lanes, width, {file, line});
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = warpSize, MODR_LINE) {
  return modr::emulated::shuffle(modr::emulated::Exchange::up, mask, value, int(by), width, {file, line});
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = warpSize, MODR_LINE) {
  return modr::emulated::shuffle(modr::emulated::Exchange::down, mask, value, int(by), width, {file, line});
}
inline unsigned __ballot_sync(unsigned mask, int vote, MODR_LINE) {
  using modr::emulated::Exchange;
  return unsigned(modr::emulated::exchange(Exchange::ballot, mask, vote != 0, 0, warpSize, {file, line}));
}
inline int __any_sync(unsigned mask, int vote, MODR_LINE) { return __ballot_sync(mask, vote, file, line) != 0; }
inline int __all_sync(unsigned mask, int vote, MODR_LINE) { return __ballot_sync(mask, vote, file, line) == mask; }
#undef MODR_LINE

inline int __popc(unsigned value) { return std::popcount(value); }
inline int __ffs(unsigned value) { return value == 0 ? 0 : std::countr_zero(value) + 1; }
inline int __clz(int value) { return std::countl_zero(unsigned(value)); }

/// Adds, and gives what was there before.
template <typename T>
T atomicAdd(T* to, T value) {
  if constexpr (std::is_integral_v<T>) {
    return __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
  } else {
    T before, sum;
    __atomic_load(to, &before, __ATOMIC_RELAXED);
    do sum = before + value;
    while (!__atomic_compare_exchange(to, &before, &sum, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return before;
  }
}
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

template <typename T>
T __ldg(const T* from) {
  return *from;
}
template <typename T>
T __ldcs(const T* from) {
  return *from;
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
