#pragma once
#include <cstdint>

#include "kernels/api/place.hpp"

namespace modr::kernels {

/// *value = how far x [rows, width] is from `before`, in double, a mean over rows: |x - before| / |x|, or with `cosine`
/// 1 - cos(x, before).
template <typename T>
void latent_change(Cpu, const T* x, const T* before, int64_t rows, int64_t width, bool cosine, double* value);
template <typename T>
void latent_change(Cuda, const T* x, const T* before, int64_t rows, int64_t width, bool cosine, double* value);

/// How two distributions p = softmax(logits) are compared: by the entropies' difference, with sum -p log(p + 1e-10); by
/// KL(before || p); or by that of p in which what is under a tenth of the largest has become 1 / n, and all is
/// renormalised.
enum class DistributionChange { entropy, kl, minp_kl };

/// *value = how far p of n logits is from the one before, in double. `before` [n] holds the latter and then this one;
/// of `entropy` the first of it alone counts: the entropy.
template <typename T>
void distribution_change(Cpu, const T* logits, int64_t n, DistributionChange what, double* before, double* value);
template <typename T>
void distribution_change(Cuda, const T* logits, int64_t n, DistributionChange what, double* before, double* value);

}  // namespace modr::kernels
