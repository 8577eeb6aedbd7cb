#pragma once
// Vectors whose multiply-adds are fused for sure, one rounding each, whatever the compiler contracts: sums that two
// kernels form in the same order then have the same bits.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#if defined(__FMA__)
#include <immintrin.h>
#endif

namespace modr::kernels {

/// 8 floats; the widest vector that the processor has registers for; as many pairs of bfloat16, the even one below.
typedef float Floats8 __attribute__((vector_size(32)));
#if defined(__AVX512F__)
inline constexpr int64_t wide_lanes = 16;
#else
inline constexpr int64_t wide_lanes = 8;
#endif
typedef float WideFloats __attribute__((vector_size(wide_lanes * sizeof(float))));
typedef uint32_t WidePairs __attribute__((vector_size(wide_lanes * sizeof(uint32_t))));

template <typename V>
inline V load_as_vector(const void* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <typename V>
inline void store_vector_at(const V& v, void* to) {
  std::memcpy(to, &v, sizeof v);
}

/// The value in every lane. (x - 0 is x, also of -0.)
template <typename V, typename E>
inline V in_all_lanes(E value) {
  return value - V{};
}

/// a b + sum, rounded once a lane.
template <typename V>
inline V fused(const V& a, const V& b, const V& sum) {
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64) return std::bit_cast<V>(_mm512_fmadd_ps(a, b, sum));
#endif
#if defined(__FMA__)
  if constexpr (sizeof(V) == 32) return std::bit_cast<V>(_mm256_fmadd_ps(a, b, sum));
#endif
  V result;
  for (std::size_t lane = 0; lane < sizeof(V) / sizeof(float); ++lane)
    result[lane] = std::fma(a[lane], b[lane], sum[lane]);
  return result;
}

/// The same of pairs: the odd product is added first, then the even one, each rounded; as vdpbf16ps does, which takes
/// numbers below 2^-126 for 0.
inline WideFloats fused(const WidePairs& a, const WidePairs& b, const WideFloats& sum) {
#if defined(__AVX512BF16__)
  return std::bit_cast<WideFloats>(_mm512_dpbf16_ps(sum, std::bit_cast<__m512bh>(a), std::bit_cast<__m512bh>(b)));
#else
  const auto odd = [](const WidePairs& v) { return std::bit_cast<WideFloats>(v & 0xffff0000u); };
  const auto even = [](const WidePairs& v) { return std::bit_cast<WideFloats>(v << 16); };
  return fused(even(a), even(b), fused(odd(a), odd(b), sum));
#endif
}

/// Keeps a value in its register: GCC 12 would rather load it again for every use, and loads are what then limits.
template <typename V>
inline void keep_here([[maybe_unused]] V& v) {
#if defined(__AVX__)
  asm("" : "+v"(v));
#endif
}

}  // namespace modr::kernels
