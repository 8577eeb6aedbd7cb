#pragma once
#include <vector>

#include "model/config.hpp"
#include "model/token_batch.hpp"
#include "nn/sandwich_block.hpp"

namespace modr {

/// Tokens to what every recurrence reads: e = blocks(wte[ids] * embedding scale).
class Prelude {
 public:
  /// `embedding` [vocab_size, n_embd] is the model's; rows are of `dtype`, matrices of `weights` (see Linear).
  Prelude(const ModelConfig& config, const Variable& embedding, DType dtype, TensorType weights);

  /// wte[ids] * scale, [ids, n_embd].
  Variable embed(const Indices& ids) const;
  /// e from the embedded tokens, [rows, n_embd].
  Variable operator()(const Variable& embedded, const BlockContext& context) const;

  /// See ModrModel::pack_weights().
  void pack(DType dtype, bool with_backward);
  /// Appends the blocks' parameters.
  void collect(ParameterList& parameters) const;

 private:
  double scale_;
  DType dtype_;
  Variable wte_;
  std::vector<SandwichBlock> blocks_;
};

}  // namespace modr
