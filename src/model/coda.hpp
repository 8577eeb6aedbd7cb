#pragma once
#include <vector>

#include "model/config.hpp"
#include "nn/norm.hpp"
#include "nn/sandwich_block.hpp"

namespace modr {

/// From the last state to logits: ln_f, the coda's blocks, ln_f again (the same weights), the head.
class Coda {
 public:
  /// `embedding` [vocab_size, n_embd] is the head's weight when embeddings are tied; matrices are of
  /// `weights` (see Linear).
  Coda(const ModelConfig& config, const Variable& embedding, TensorType weights);

  /// ln_f(state), [rows, n_embd].
  Variable normed(const Variable& state) const { return ln_f_(state); }
  /// The head's input from the normed state, [rows, n_embd].
  Variable features(const Variable& normed, const BlockContext& context) const;
  /// Features [rows, n_embd] -> exact logits [rows, vocab_size].
  Variable head(const Variable& features) const;
  /// weight * summed cross-entropy of the head's logits, without holding them all; labels [rows].
  Variable loss(const Variable& features, const Indices& labels, double weight) const;

  /// See ModrModel::pack_weights(); the head for logits only.
  void pack(DType dtype, bool with_backward);
  void collect(ParameterList& parameters) const;

 private:
  RmsNorm ln_f_;
  std::vector<SandwichBlock> blocks_;
  bool tied_;
  Linear head_;
};

}  // namespace modr
