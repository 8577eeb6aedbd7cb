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

}  // namespace modr::kernels
