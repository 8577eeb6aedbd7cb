#include "moe/lora_branches.hpp"

#include "base/error.hpp"

namespace modr {

namespace {

Linear& target_of(SandwichBlock& block, const std::string& target) {
  if (target == "attn.Wqkv") return block.attention.qkv;
  if (target == "attn.proj") return block.attention.proj;
  if (target == "mlp.fc") return block.mlp.fc;
  if (target == "mlp.proj") return block.mlp.proj;
  fail("unknown LoRA target '{}'", target);
}

}  // namespace

bool is_adapter(std::string_view name) { return name.ends_with(".lora_A") || name.ends_with(".lora_B"); }

bool is_branch_parameter(std::string_view name) {
  return is_adapter(name) || name == "transformer.router.weight";
}

void attach_lora_branches(std::vector<SandwichBlock>& blocks, const BranchConfig& config, int64_t count,
                          TensorType type) {
  for (SandwichBlock& block : blocks)
    for (const std::string& target : config.lora_targets) {
      Linear& linear = target_of(block, target);
      const int64_t out = linear.weight().size(0), in = linear.weight().size(1);
      linear.attach({Variable(Tensor::zeros({count, config.lora_rank, in}, type), true),
                     Variable(Tensor::zeros({count, out, config.lora_rank}, type), true),
                     config.lora_alpha / static_cast<double>(config.lora_rank)});
    }
}

}  // namespace modr
