#pragma once
// Several values in one load or store: up to 16 bytes, aligned to their size.
#include <cuda_runtime.h>

#include <cstdint>

namespace modr::kernels {

template <typename T, int count>
struct alignas(sizeof(T) * count) Pack {
  T of[count];
};

/// Whether `memory` may be read and written in packs of `count`.
template <int count, typename T>
bool holds_packs(const T* memory) {
  return reinterpret_cast<uintptr_t>(memory) % alignof(Pack<T, count>) == 0;
}

/// How many values of T are 16 bytes.
template <typename T>
constexpr int values_of_16_bytes() {
  return static_cast<int>(16 / sizeof(T));
}

/// Pack `i` of memory that holds packs of `count`.
template <int count, typename T>
__device__ inline Pack<T, count> load_pack(const T* memory, int64_t i) {
  return reinterpret_cast<const Pack<T, count>*>(memory)[i];
}
template <int count, typename T>
__device__ inline void store_pack(const Pack<T, count>& pack, int64_t i, T* memory) {
  reinterpret_cast<Pack<T, count>*>(memory)[i] = pack;
}

}  // namespace modr::kernels
