#pragma once
// Loads and stores of rows that may be bfloat16, in a form that GCC 12 vectorises: integers alone, without branches
// and copies of the struct, on which it gives up in the middle of a loop.
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/dtype.hpp"

namespace modr::kernels {

/// The upper half is bfloat16's nearest to `value`, ties to even; a NaN stays one.
inline uint32_t rounded_bits(float value) {
  const auto all = std::bit_cast<uint32_t>(value);
  const uint32_t nearest = all + 0x7fffu + ((all >> 16) & 1u);
  return (all & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : nearest;
}

/// to = value, rounded to T.
template <typename T>
inline void store(Exact<T> value, T& to) {
  if constexpr (std::is_same_v<T, bfloat16>) to.bits = static_cast<uint16_t>(rounded_bits(value) >> 16);
  else to = value;
}

/// The neighbours from[0] and from[1]; two of bfloat16 are one word.
template <typename T>
inline void load_pair(const T* from, Exact<T>& even, Exact<T>& odd) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    uint32_t word;
    std::memcpy(&word, from, sizeof word);
    even = std::bit_cast<float>(word << 16);
    odd = std::bit_cast<float>(word & 0xffff0000u);
  } else {
    even = from[0];
    odd = from[1];
  }
}

template <typename T>
inline void store_pair(Exact<T> even, Exact<T> odd, T* to) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    const uint32_t word = (rounded_bits(even) >> 16) | (rounded_bits(odd) & 0xffff0000u);
    std::memcpy(to, &word, sizeof word);
  } else {
    to[0] = even;
    to[1] = odd;
  }
}

}  // namespace modr::kernels
