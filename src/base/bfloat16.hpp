#pragma once
#include <bit>
#include <cstdint>
#include <type_traits>

namespace modr {

/// A float without its lower 16 bits: 8 bits of precision over float's range. A type to keep values in; arithmetic is
/// done in float.
struct bfloat16 {
  uint16_t bits;

  bfloat16() = default;
  /// The nearest, ties to even (IEEE 754's default rounding); a NaN stays one.
  constexpr explicit bfloat16(float value) : bits(rounded(value)) {}
  constexpr explicit bfloat16(double value) : bfloat16(static_cast<float>(value)) {}
  constexpr operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

 private:
  static constexpr uint16_t rounded(float value) {
    const auto all = std::bit_cast<uint32_t>(value);
    const uint32_t nearest = (all + 0x7fffu + ((all >> 16) & 1u)) >> 16;
    return static_cast<uint16_t>(value == value ? nearest : 0x7fc0u);  // without a branch, for loops to vectorise
  }
};
static_assert(sizeof(bfloat16) == 2 && std::is_trivially_copyable_v<bfloat16>);

/// The type in which values of T are computed, and in which parameters are kept beside activations of T: float for
/// bfloat16, else T.
template <typename T>
using Exact = std::conditional_t<std::is_same_v<T, bfloat16>, float, T>;

}  // namespace modr
