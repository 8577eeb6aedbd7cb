#pragma once
#include "autograd/variable.hpp"
#include "ops/index.hpp"

namespace modr::ops {

/// The low-rank adapters of one weight, one a branch (Hu et al. 2021): A [branches, rank, in], B [branches, out, rank].
struct LoraWeights {
  Variable a, b;
  double scale = 1;  // alpha / rank
};

/// y = x W^T + scale (x A_j^T) B_j^T, where j is the branch of the row: rows are sorted by branch, branch j owning rows
/// [groups[j], groups[j + 1]). x [rows, in], weight [out, in], y [rows, out]. Keeps x and x A_j^T for backward.
Variable lora_linear(const Variable& x, const Variable& weight, const LoraWeights& lora, const Offsets& groups);

}  // namespace modr::ops
