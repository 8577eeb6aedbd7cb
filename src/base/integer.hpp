#pragma once
#include <concepts>

namespace modr {

/// How many times `by` goes into `count`, the last time perhaps not in whole: ceil(count / by) for count >= 0, by > 0.
template <std::integral T>
constexpr T ceil_div(T count, T by) {
  return (count + by - 1) / by;
}

/// The smallest multiple of `unit` that is not below `count`.
template <std::integral T>
constexpr T round_up(T count, T unit) {
  return ceil_div(count, unit) * unit;
}

/// The greatest multiple of `unit` that is not above `count`.
template <std::integral T>
constexpr T round_down(T count, T unit) {
  return count / unit * unit;
}

}  // namespace modr
