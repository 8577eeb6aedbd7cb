#include "kernels/api/adamw.hpp"

#include <cmath>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels {

namespace {

// Not inlined: inside the caller GCC 12 leaves this loop scalar, five times slower.
template <typename T>
[[gnu::noinline]] void update(AdamWFactors<T> f, T keep, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq,
                              T* param) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T m = f.beta1 * exp_avg[i] + f.rest1 * grad[i];
    const T v = f.beta2 * exp_avg_sq[i] + f.rest2 * grad[i] * grad[i];
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    param[i] = keep * param[i] - f.step_size * m / (std::sqrt(v) * f.root_correction + f.eps);
  }
}

}  // namespace

template <typename T>
void adamw(Cpu, const AdamWStep& step, std::span<const AdamWTensor<T>> tensors) {
  const AdamWFactors<T> factors(step);
  for (const AdamWTensor<T>& a : tensors)
    parallel_ranges(a.n, 4 * a.n, [&](int64_t begin, int64_t end) {
      update(factors, a.keep(step), a.grad + begin, end - begin, a.exp_avg + begin, a.exp_avg_sq + begin,
             a.param + begin);
    });
}
template void adamw(Cpu, const AdamWStep&, std::span<const AdamWTensor<float>>);
template void adamw(Cpu, const AdamWStep&, std::span<const AdamWTensor<double>>);

}  // namespace modr::kernels
