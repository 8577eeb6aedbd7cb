#pragma once
#include <cstdint>
#include <span>

#include "tensor/tensor.hpp"

namespace modr {

/// Balancing without an auxiliary loss (Wang et al. 2024, arXiv 2408.15664): b_i += rate * sign(mean(c) - c_i), with
/// sign(0) = 0. `counts` are those of all ranks, microbatches and decisions of one step. Returns the new bias.
Tensor update_branch_bias(const Tensor& bias, std::span<const int64_t> counts, double rate);

/// Entropy of the branches' shares in bits, log2(n) when all are equal; 0 when nothing was counted.
double balance_entropy(std::span<const int64_t> counts);

/// The most loaded branch's count over the mean: 1 when all are equal, n when one has everything; 0 when nothing was
/// counted.
double max_load(std::span<const int64_t> counts);

}  // namespace modr
