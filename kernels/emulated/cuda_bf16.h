#pragma once
// bfloat16 as CUDA's header has it: to nearest, ties to even. (A NaN becomes 0x7fff; 0x7fc0 in base/bfloat16.hpp.)
#include <bit>
#include <cstdint>

struct __nv_bfloat16 {
  uint16_t x;
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

inline float __bfloat162float(__nv_bfloat16 value) { return std::bit_cast<float>(uint32_t{value.x} << 16); }
inline __nv_bfloat16 __float2bfloat16(float value) {
  const auto all = std::bit_cast<uint32_t>(value);
  const uint32_t nearest = (all + 0x7fffu + ((all >> 16) & 1u)) >> 16;
  return {static_cast<uint16_t>(value == value ? nearest : 0x7fffu)};
}
