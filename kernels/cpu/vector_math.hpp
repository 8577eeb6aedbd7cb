#pragma once
// exp that loops can vectorise: the declarations tell the compiler that glibc's vector library (libmvec, at most
// 4 ulp) has it.
#include <cmath>

extern "C" {
#pragma omp declare simd notinbranch
float expf(float) noexcept;
#pragma omp declare simd notinbranch
double exp(double) noexcept;
}

namespace modr::kernels::cpu {

#pragma omp declare simd notinbranch
inline float fast_exp(float x) { return ::expf(x); }
#pragma omp declare simd notinbranch
inline double fast_exp(double x) { return ::exp(x); }

}  // namespace modr::kernels::cpu
