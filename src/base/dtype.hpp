#pragma once
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "base/bfloat16.hpp"
#include "base/error.hpp"

namespace modr {

/// Element types of tensors. Token ids, positions and routes are plain integer vectors, not tensors. bf16 is for
/// activations and copies of weights: what trains, statistics, scores and losses are of the exact type, see Exact.
enum class DType { f32, f64, bf16 };

/// Size of one element in bytes.
constexpr std::size_t size_of(DType dtype) { return dtype == DType::f64 ? 8 : dtype == DType::f32 ? 4 : 2; }

/// "f32", "f64" or "bf16".
constexpr std::string_view name_of(DType dtype) {
  return dtype == DType::f64 ? "f64" : dtype == DType::f32 ? "f32" : "bf16";
}

/// The inverse of name_of(); throws Error for another name.
DType parse_dtype(std::string_view name);

/// Exact<T> (base/bfloat16.hpp) of a dtype.
constexpr DType exact(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

template <typename T>
constexpr DType dtype_of() {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, bfloat16>);
  return std::is_same_v<T, float> ? DType::f32 : std::is_same_v<T, double> ? DType::f64 : DType::bf16;
}

/// Calls `f.operator()<T>()` with the C++ type of `dtype`; every kernel call goes through here.
template <typename F>
decltype(auto) visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    case DType::bf16: return f.template operator()<bfloat16>();
  }
  fail("unknown dtype {}", static_cast<int>(dtype));
}

/// The same where only exact types have a meaning: parameters, optimizer, router, loss. Throws Error for bf16.
template <typename F>
decltype(auto) visit_exact_dtype(DType dtype, F&& f) {
  MODR_CHECK(dtype == exact(dtype), "{} where f32 or f64 is needed", name_of(dtype));
  return dtype == DType::f64 ? f.template operator()<double>() : f.template operator()<float>();
}

}  // namespace modr
