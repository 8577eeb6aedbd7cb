#pragma once
#include <array>
#include <string>
#include <vector>

#include "nn/attention.hpp"
#include "nn/gated_mlp.hpp"
#include "nn/norm.hpp"

namespace modr {

/// Huginn's block, normed before and after each half:
/// x <- norm_2(attn(norm_1(x)) + x), x <- norm_4(mlp(norm_3(x)) + x).
class SandwichBlock {
 public:
  /// `name` is the upstream name, e.g. "transformer.core_block.0"; `layer` its index within its stage; `type` is that
  /// of its matrices (see Linear), its vectors are exact.
  SandwichBlock(const std::string& name, int64_t layer, const BlockConfig& config, TensorType type);
  /// x [rows, n_embd] -> [rows, n_embd].
  Variable operator()(const Variable& x, const BlockContext& context) const;
  /// Linear::pack() of all linear layers, or pack_merged() of those with adapters when `merged`.
  void pack(DType dtype, bool with_backward, bool merged = false);
  void collect(ParameterList& parameters) const;

  Attention attention;
  GatedMlp mlp;

 private:
  bool makes_rows(const Variable& x, const RowGroups& groups) const;
  Variable decode(const Variable& x, const BlockContext& context) const;

  int64_t layer_;
  std::array<RmsNorm, 4> norms_;
};

/// `count` blocks "<name>.0", "<name>.1", ….
std::vector<SandwichBlock> make_blocks(const std::string& name, int64_t count, const BlockConfig& config,
                                       TensorType type);

/// x through all of them.
Variable run_blocks(const std::vector<SandwichBlock>& blocks, Variable x, const BlockContext& context);

}  // namespace modr
