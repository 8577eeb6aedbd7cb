#pragma once
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "base/error.hpp"

namespace modr {

/// Element types of tensors. Token ids, positions and routes are plain integer vectors, not tensors.
enum class DType { f32, f64 };

/// Size of one element in bytes.
constexpr std::size_t size_of(DType dtype) { return dtype == DType::f32 ? 4 : 8; }

/// "f32" or "f64".
constexpr std::string_view name_of(DType dtype) { return dtype == DType::f32 ? "f32" : "f64"; }

/// The inverse of name_of(); throws Error for another name.
DType parse_dtype(std::string_view name);

template <typename T>
constexpr DType dtype_of() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
  return std::is_same_v<T, float> ? DType::f32 : DType::f64;
}

/// Calls `f.operator()<T>()` with the C++ type of `dtype`; every kernel call goes through here.
template <typename F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
  }
  fail("unknown dtype {}", static_cast<int>(dtype));
}

}  // namespace modr
