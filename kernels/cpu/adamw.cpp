#include "kernels/api/adamw.hpp"

#include <cmath>

#include "kernels/cpu/parallel.hpp"

namespace modr::kernels::cpu {

template <typename T>
void adamw(const AdamWStep& step, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq, T* param) {
  // Everything that is the same for all elements is computed in double: 1 - beta^step cancels in float.
  const auto count = static_cast<double>(step.step);
  const T beta1 = static_cast<T>(step.beta1), rest1 = static_cast<T>(1 - step.beta1);
  const T beta2 = static_cast<T>(step.beta2), rest2 = static_cast<T>(1 - step.beta2);
  const T keep = static_cast<T>(1 - step.lr * step.weight_decay);
  const T step_size = static_cast<T>(step.lr / (1 - std::pow(step.beta1, count)));
  const T root_correction = static_cast<T>(1 / std::sqrt(1 - std::pow(step.beta2, count)));
  const T eps = static_cast<T>(step.eps);
  parallel_ranges(n, 4 * n, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T m = beta1 * exp_avg[i] + rest1 * grad[i];
      const T v = beta2 * exp_avg_sq[i] + rest2 * grad[i] * grad[i];
      exp_avg[i] = m;
      exp_avg_sq[i] = v;
      param[i] = keep * param[i] - step_size * m / (std::sqrt(v) * root_correction + eps);
    }
  });
}
template void adamw(const AdamWStep&, const float*, int64_t, float*, float*, float*);
template void adamw(const AdamWStep&, const double*, int64_t, double*, double*, double*);

}  // namespace modr::kernels::cpu
