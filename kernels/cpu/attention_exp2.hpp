#pragma once
// Powers of two of a vector of scores. Attention works in base 2: log2(e) goes into the scale of the scores, and exp
// becomes an addition to the exponent and a short polynomial, half the work of the vector library's exp.
#include <bit>

#include "kernels/cpu/attention_tile.hpp"
#include "kernels/cpu/vector_math.hpp"

namespace modr::kernels {

template <typename E>
inline constexpr E log2_e = static_cast<E>(1.4426950408889634074);
template <typename E>
inline constexpr E ln_2 = static_cast<E>(0.69314718055994530942);

/// 2^x within 2e-7 of itself; 0 below 2^-126; x at most 127. A NaN stays one.
inline Vector<float> exp2_of(const Vector<float>& x) {
  typedef int32_t Mask __attribute__((vector_size(vector_bytes)));
  typedef uint32_t Bits __attribute__((vector_size(vector_bytes)));
  constexpr float to_integer = 12582912;  // 1.5 * 2^23: adding it rounds to an integer, which the low bits then hold
  const Vector<float> shifted = x + to_integer;
  const Vector<float> f = x - (shifted - to_integer);  // within [-1/2, 1/2]
  // The polynomial of Cephes' exp2f (Moshier): off by 2e-9 of the value.
  Vector<float> power = 1.535336188e-4f * f + 1.339887440e-3f;
  power = power * f + 9.618437357e-3f;
  power = power * f + 5.550332471e-2f;
  power = power * f + 2.402264791e-1f;
  power = power * f + 6.931472028e-1f;
  power = power * f + 1.0f;
  const Bits result = std::bit_cast<Bits>(power) + (std::bit_cast<Bits>(shifted) << 23);
  return std::bit_cast<Vector<float>>(~(x < -126.0f) & std::bit_cast<Mask>(result));
}

/// The same in double, of the vector library's precision.
inline Vector<double> exp2_of(const Vector<double>& x) {
  alignas(vector_bytes) double values[lanes<double>];
  store_vector<double>(x * ln_2<double>, values);
#pragma omp simd
  for (int64_t i = 0; i < lanes<double>; ++i) values[i] = fast_exp(values[i]);
  return load_vector(values);
}

}  // namespace modr::kernels
