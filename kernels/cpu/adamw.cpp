#include "kernels/api/adamw.hpp"

#include <cmath>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels {

namespace {

// Not inlined: inside the caller GCC 12 leaves this loop scalar, five times slower.
template <typename T>
[[gnu::noinline]] void update(AdamWFactors<T> f, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq, T* param) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T m = f.beta1 * exp_avg[i] + f.rest1 * grad[i];
    const T v = f.beta2 * exp_avg_sq[i] + f.rest2 * grad[i] * grad[i];
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    param[i] = f.keep * param[i] - f.step_size * m / (std::sqrt(v) * f.root_correction + f.eps);
  }
}

}  // namespace

template <typename T>
void adamw(Cpu, const AdamWStep& step, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq, T* param) {
  const AdamWFactors<T> factors(step);
  parallel_ranges(n, 4 * n, [=](int64_t begin, int64_t end) {
    update(factors, grad + begin, end - begin, exp_avg + begin, exp_avg_sq + begin, param + begin);
  });
}
template void adamw(Cpu, const AdamWStep&, const float*, int64_t, float*, float*, float*);
template void adamw(Cpu, const AdamWStep&, const double*, int64_t, double*, double*, double*);

}  // namespace modr::kernels
