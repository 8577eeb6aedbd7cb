#pragma once
#include "kernels/api/exit_change.hpp"
#include "tensor/tensor.hpp"

namespace modr::ops {

using kernels::DistributionChange;

/// How far x [rows, width] is from `before`, of the same shape and dtype; see kernels::latent_change(). One counted
/// copy to the host, as below; no gradient.
double latent_change(const Tensor& x, const Tensor& before, bool cosine);

/// How far softmax(logits [n]) is from the distribution before it; `before` [n], f64, is replaced. See
/// kernels::distribution_change().
double distribution_change(const Tensor& logits, DistributionChange what, const Tensor& before);

}  // namespace modr::ops
