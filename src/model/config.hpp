#pragma once
#include <cstdint>

#include "moe/config.hpp"
#include "nn/attention.hpp"

namespace modr {

/// Sizes and constants of a model (MODEL.md). The defaults of emb_scale and state_init_std follow from n_embd.
struct ModelConfig {
  int64_t n_embd = 0, n_heads = 0, intermediate_size = 0, vocab_size = 0;
  int64_t n_layers_in_prelude = 1, n_layers_in_recurrent_block = 1, n_layers_in_coda = 1;
  int64_t block_size = 256;  // the longest sequence, in tokens
  bool qk_bias = true;
  bool tie_embeddings = true;
  double norm_eps = 1e-6, rope_base = 50000;
  double emb_scale = 0;       // 0: sqrt(n_embd)
  double state_init_std = 0;  // 0: sqrt(2 / (5 n_embd))
  int64_t mean_recurrence = 32, mean_backprop_depth = 8;
  BranchConfig branches;

  int64_t head_dim() const { return n_embd / n_heads; }
  double embedding_scale() const;
  /// Standard deviation of the initial state before it is multiplied by embedding_scale().
  double initial_state_std() const;
  /// Standard deviation of the weights at initialisation, sqrt(2 / (5 n_embd)) (Takase et al. 2023).
  double init_std() const;
  BlockConfig block() const { return {n_embd, n_heads, intermediate_size, norm_eps, qk_bias}; }
  /// Throws Error naming the field ("model.<field>") and what was expected.
  void validate() const;
};

}  // namespace modr
