#pragma once
#include <vector>

#include "autograd/variable.hpp"
#include "ops/index.hpp"
#include "ops/matmul.hpp"

namespace modr::ops {

/// Every branch's B_j^T, [rank, out], as the thin products read it: scaled for y, and as it is for the gradients.
struct TurnedBranches {
  std::vector<Tensor> scaled, plain;  // `plain` may be empty where no gradient passes
  uint64_t version = 0;               // of the B that they were made of
};

/// The low-rank adapters of one weight, one a branch (Hu et al. 2021): A [branches, rank, in], B [branches, out, rank].
struct LoraWeights {
  Variable a, b;
  double scale = 1;  // alpha / rank
  /// merge() of the present values, or nothing. Whoever changes W, A or B renews it.
  std::vector<PackedWeight> merged = {};
  /// turn_branches() of the present B, or nothing, or of an older one: then every product makes its own.
  TurnedBranches turned = {};
};

/// Turns B once, for all products until it changes.
TurnedBranches turn_branches(const LoraWeights& lora, bool with_backward);

/// pack_weight() of W + scale B_j A_j, of every branch: on a rank with few branches one product a row in place of
/// three. Rounded to bf16 it loses what an adapter adds below W's own rounding.
std::vector<PackedWeight> merge(const Variable& weight, const LoraWeights& lora, DType dtype, bool with_backward);

/// y = x W^T + scale (x A_j^T) B_j^T, where j is the branch of the row's group; the groups cover all rows in order.
/// x [rows, in], weight [out, in], y [rows, out]; `packed` is the weight's, see linear(). Gradients of A and B are
/// summed over groups in their order. Keeps x and x A_j^T for backward; with merged weights, y = x merged_j^T, it keeps
/// x and computes x A_j^T when B trains.
Variable lora_linear(const Variable& x, const Variable& weight, const LoraWeights& lora, const RowGroups& groups,
                     const PackedWeight& packed = {});

}  // namespace modr::ops
