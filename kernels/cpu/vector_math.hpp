#pragma once
// exp that loops can vectorise: for float our own, inlined; for double the declaration tells the compiler that glibc's
// vector library (libmvec, at most 4 ulp) has it.
#include <bit>
#include <cmath>
#include <cstdint>

extern "C" {
#pragma omp declare simd notinbranch
double exp(double) noexcept;
}

namespace modr::kernels {

/// exp(x) within 2e-7 of itself, by x = n log(2) + r and the polynomial of Cephes' expf (Moshier). Beyond +-87 it stays
/// at exp(+-87), far from what a sum could notice. A NaN stays one.
inline float fast_exp(float x) {
  constexpr float limit = 87, to_integer = 12582912;  // 1.5 * 2^23: adding it rounds to an integer
  x = x > limit ? limit : x;
  x = x < -limit ? -limit : x;
  const float shifted = x * 1.44269504f + to_integer, n = shifted - to_integer;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const uint32_t power = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(to_integer) + 127u;
  return p * std::bit_cast<float>(power << 23);
}
#pragma omp declare simd notinbranch
inline double fast_exp(double x) { return ::exp(x); }

}  // namespace modr::kernels
