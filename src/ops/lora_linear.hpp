#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// The low-rank adapters of one weight, one a branch (Hu et al. 2021): A [branches, rank, in], B [branches, out, rank].
struct LoraWeights {
  Variable a, b;
  double scale = 1;  // alpha / rank
  /// [branches, out, in]: merged_weights() of the present values, or undefined. Whoever changes W, A or B renews it.
  Tensor merged = {};
};

/// W + scale B_j A_j of every branch, [branches, out, in]: on a rank with few branches one product a row in place of
/// three.
Tensor merged_weights(const Variable& weight, const LoraWeights& lora);

/// y = x W^T + scale (x A_j^T) B_j^T, where j is the branch of the row's group; the groups cover all rows in order.
/// x [rows, in], weight [out, in], y [rows, out]. Gradients of A and B are summed over groups in their order. Keeps x
/// and x A_j^T for backward; with merged weights, y = x merged_j^T, it keeps x and computes x A_j^T when B trains.
Variable lora_linear(const Variable& x, const Variable& weight, const LoraWeights& lora, const RowGroups& groups);

}  // namespace modr::ops
