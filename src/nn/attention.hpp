#pragma once
#include <memory>
#include <string>

#include "nn/linear.hpp"
#include "ops/attention.hpp"

namespace modr {

/// Sizes of one transformer block.
struct BlockConfig {
  int64_t n_embd = 0, n_heads = 0, intermediate_size = 0;
  double norm_eps = 1e-6;
  bool qk_bias = true;
  int64_t head_dim() const { return n_embd / n_heads; }
};

/// Moves rows between the branches' side, where everything of a block but attention runs, and the home of the
/// sequences, where attention runs (DESIGN.md, "the relay").
class AttentionRelay {
 public:
  virtual ~AttentionRelay() = default;
  /// qkv rows in branch order -> rows in sequence order.
  virtual Variable bring_home(const Variable& qkv) const = 0;
  /// Attention's result in sequence order -> rows in branch order.
  virtual Variable send_back(const Variable& attended) const = 0;
};

/// One stage's view of a key-value cache during a decoding step; layers are those of the stage.
class CacheWindow {
 public:
  virtual ~CacheWindow() = default;
  /// The cached tokens that the new ones of every sequence may see at this layer.
  virtual ops::CachedTokens past(int64_t layer) const = 0;
  /// Keeps K (after RoPE) and V of the new tokens: qkv [rows, 3 * n_embd].
  virtual void store(int64_t layer, const Tensor& qkv) = 0;
};

/// What a block must know besides its input rows.
struct BlockContext {
  Offsets sequences;   // [sequences + 1]: rows of each sequence, in attention order
  Tensor rope_table;   // [block_size, head_dim / 2, 2], float32
  Indices positions;   // [rows], in attention order
  RowGroups groups;    // rows by branch; null where blocks have no adapters
  std::shared_ptr<const AttentionRelay> relay;  // null: rows are in attention order already
  CacheWindow* cache = nullptr;                 // null: the sequences are complete
  bool recompute = false;                       // run_blocks(): blocks keep their inputs alone, run again in backward
};

/// Multi-head causal self-attention with a fused projection, q/k bias and rotary positions (MODEL.md, "Huginn").
class Attention {
 public:
  /// `type` is that of its matrices, see Linear.
  Attention(const std::string& name, const BlockConfig& config, TensorType type);
  /// x [rows, n_embd] -> [rows, n_embd].
  Variable operator()(const Variable& x, const BlockContext& context, int64_t layer) const;
  /// What lies between its two projections: fused [rows, 3 * n_embd] -> [rows, n_embd].
  Variable attend(Variable fused, const BlockContext& context, int64_t layer) const;
  void collect(ParameterList& parameters) const;

  Linear qkv, proj;

 private:
  std::string name_;
  int64_t n_heads_;
  Variable qk_bias_;  // [2, 1, heads, head_dim]; undefined without
};

}  // namespace modr
