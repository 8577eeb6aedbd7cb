#pragma once
#include <string_view>
#include <vector>

#include "moe/config.hpp"
#include "nn/sandwich_block.hpp"

namespace modr {

/// Attaches adapters of `count` branches to the target weights of every block: A [count, rank, in] and B [count, out,
/// rank], both zero until initialised, scaled by alpha / rank (Hu et al. 2021).
void attach_lora_branches(std::vector<SandwichBlock>& blocks, const BranchConfig& config, int64_t count,
                          TensorType type);

/// Whether a parameter of this name is an adapter: its first dimension counts branches.
bool is_adapter(std::string_view name);

/// Whether a parameter of this name belongs to the branches or their router rather than to the backbone.
bool is_branch_parameter(std::string_view name);

}  // namespace modr
