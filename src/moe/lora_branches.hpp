#pragma once
#include <vector>

#include "moe/config.hpp"
#include "nn/sandwich_block.hpp"

namespace modr {

/// Attaches one adapter a branch to the target weights of every block: A [branches, rank, in] and B [branches, out,
/// rank], both zero until initialised, scaled by alpha / rank (Hu et al. 2021).
void attach_lora_branches(std::vector<SandwichBlock>& blocks, const BranchConfig& config, DType dtype);

}  // namespace modr
