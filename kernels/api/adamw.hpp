#pragma once
#include <cmath>
#include <cstdint>
#include <span>

#include "kernels/api/place.hpp"

namespace modr::kernels {

/// The numbers of one AdamW update. `step` counts updates from 1; it sets the bias corrections 1 - beta^step.
struct AdamWStep {
  double lr;
  double beta1;
  double beta2;
  double eps;
  int64_t step;
};

/// What is the same for all tensors, computed in double: 1 - beta^step cancels in float.
template <typename T>
struct AdamWFactors {
  explicit AdamWFactors(const AdamWStep& step)
      : beta1(static_cast<T>(step.beta1)),
        rest1(static_cast<T>(1 - step.beta1)),
        beta2(static_cast<T>(step.beta2)),
        rest2(static_cast<T>(1 - step.beta2)),
        step_size(static_cast<T>(step.lr / (1 - std::pow(step.beta1, static_cast<double>(step.step))))),
        root_correction(static_cast<T>(1 / std::sqrt(1 - std::pow(step.beta2, static_cast<double>(step.step))))),
        eps(static_cast<T>(step.eps)) {}
  T beta1, rest1, beta2, rest2, step_size, root_correction, eps;
};

/// A tensor to be updated, n values of each.
template <typename T>
struct AdamWTensor {
  const T* grad;
  int64_t n;
  T *exp_avg, *exp_avg_sq, *param;
  double weight_decay;

  T keep(const AdamWStep& step) const { return static_cast<T>(1 - step.lr * weight_decay); }
};

/// One update of all parameters (Loshchilov & Hutter 2019, arXiv 1711.05101, algorithm 2; eps outside the root, as in
/// PyTorch), on a GPU many tensors a launch:
///   m = beta1 m + (1 - beta1) g                  exp_avg
///   v = beta2 v + (1 - beta2) g^2                exp_avg_sq
///   p = p (1 - lr weight_decay) - lr / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + eps)
template <typename T>
void adamw(Cpu, const AdamWStep& step, std::span<const AdamWTensor<T>> tensors);
template <typename T>
void adamw(Cuda, const AdamWStep& step, std::span<const AdamWTensor<T>> tensors);

}  // namespace modr::kernels
