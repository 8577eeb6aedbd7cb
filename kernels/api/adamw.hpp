#pragma once
#include <cstdint>

#include "kernels/api/place.hpp"

namespace modr::kernels {

/// The numbers of one AdamW update. `step` counts updates from 1; it sets the bias corrections 1 - beta^step.
struct AdamWStep {
  double lr;
  double beta1;
  double beta2;
  double eps;
  double weight_decay;
  int64_t step;
};

/// One update of n parameters (Loshchilov & Hutter 2019, arXiv 1711.05101, algorithm 2; eps outside the root, as in
/// PyTorch):
///   m = beta1 m + (1 - beta1) g                  exp_avg
///   v = beta2 v + (1 - beta2) g^2                exp_avg_sq
///   p = p (1 - lr weight_decay) - lr / (1 - beta1^step) * m / (sqrt(v / (1 - beta2^step)) + eps)
template <typename T>
void adamw(Cpu, const AdamWStep& step, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq, T* param);
template <typename T>
void adamw(Cuda, const AdamWStep& step, const T* grad, int64_t n, T* exp_avg, T* exp_avg_sq, T* param);

}  // namespace modr::kernels
