#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// The low-rank adapters of one weight, one a branch (Hu et al. 2021): A [branches, rank, in], B [branches, out, rank].
struct LoraWeights {
  Variable a, b;
  double scale = 1;  // alpha / rank
};

/// y = x W^T + scale (x A_j^T) B_j^T, where j is the branch of the row's group; the groups cover all rows in order.
/// x [rows, in], weight [out, in], y [rows, out]. Gradients of A and B are summed over groups in their order. Keeps x
/// and x A_j^T for backward.
Variable lora_linear(const Variable& x, const Variable& weight, const LoraWeights& lora, const RowGroups& groups);

}  // namespace modr::ops
