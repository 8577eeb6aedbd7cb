#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/slice.hpp"
#include "model/coda.hpp"
#include "model/config.hpp"
#include "model/prelude.hpp"
#include "model/recurrent_core.hpp"
#include "model/token_batch.hpp"

namespace modr {

/// Which parameters train: everything, only the branches and their router over a frozen backbone, or, for evaluation
/// and decoding, nothing.
enum class Trainable { all, branches, none };

/// What of a model a process holds: all of it, unless pipeline stages and branches live on different ranks.
struct ModelPart {
  bool prelude = true, core = true, coda = true;
  std::optional<Slice> branches;  // those with adapters here; nothing: all

  bool is_whole() const { return prelude && core && coda && !branches; }
};

/// What a forward pass went through, for records and parity tests.
struct ForwardTrace {
  Tensor embedded, prelude_out, final_normed, head_in;
  std::vector<Tensor> latents;  // after each recurrence
};

/// How one forward pass is run.
struct ForwardOptions {
  Depth depth;
  Recompute recompute = Recompute::none;
  ForwardTrace* trace = nullptr;
};

/// Logits [batch * seq, vocab_size] and the router's decisions.
struct ForwardOutput {
  Variable logits;
  std::vector<RouteDecision> decisions;
};

/// A depth-recurrent transformer with routed branches, written as if there were one rank: prelude -> recurrent core ->
/// coda. A process may hold some of the three only; forward() is then for others, and run_*() are the parts of it.
class ModrModel {
 public:
  /// Rows between layers are of `type`, and weights of exact(type): with bf16, trained weights, norms, adapters,
  /// router, softmax and loss are f32. The matrices of a frozen backbone are of `type` itself, and kept once, laid out
  /// for products (the embedding too where it is the head). All weights are zero (norms one) until initialised or
  /// loaded. Throws Error for an impossible config.
  ModrModel(const ModelConfig& config, TensorType type, Trainable which = Trainable::all, ModelPart part = {});

  ForwardOutput forward(const TokenBatch& batch, const Variable& initial_state, const ForwardOptions& options) const;
  /// e of the batch's tokens, [batch * seq, n_embd]. Throws Error for a sequence beyond the block size.
  Variable run_prelude(const TokenBatch& batch, const ForwardOptions& options = {}) const;
  /// The state after all recurrences, [batch * seq, n_embd], from e and the initial state of the same shape.
  CoreOutput run_core(const Variable& e, const TokenBatch& batch, const Variable& initial_state,
                      const ForwardOptions& options) const;
  /// Logits [batch * seq, vocab_size] from that state.
  Variable run_coda(const Variable& state, const TokenBatch& batch, const ForwardOptions& options = {}) const;
  /// weight * summed cross-entropy of the batch's labels, a scalar.
  Variable loss(const Variable& logits, const TokenBatch& batch, double weight) const;
  /// The same from the state, without holding the logits of all tokens.
  Variable loss_of_state(const Variable& state, const TokenBatch& batch, double weight,
                         Recompute recompute = Recompute::none) const;

  /// Takase initialisation (MODEL.md, "Init"), a pure function of the seed and each parameter's name. Adapters: A
  /// Kaiming uniform (a = sqrt 5), B zeros; the router like any linear weight. Only of the branches and their router,
  /// where the backbone comes from a file; a model whose every parameter does is not initialised at all.
  void initialize(uint64_t seed, Trainable which = Trainable::all);

  /// Prepares weights for the many products they serve until they change, after which it is to be called again (a use
  /// before that throws Error): bf16 copies in the layout of the processor's matrix units, and, where this rank has at
  /// most `merge_up_to` branches, one weight of each target and a branch's adapters, so that a branch costs nothing
  /// beyond the backbone's product. What has not changed stays as it is, so that a frozen backbone is packed once.
  void pack_weights(const PackOptions& options);

  const ModelConfig& config() const { return config_; }
  const ModelPart& part() const { return part_; }
  DType dtype() const { return type_.dtype; }
  TensorType type() const { return type_; }
  const ParameterList& parameters() const { return parameters_; }
  /// b of the router, [n_branches]; undefined where there is no router. A view: writing to it changes the router's.
  Tensor router_bias() const;
  const Tensor& rope_table() const { return rope_table_; }
  /// Replaces the computed table, e.g. by one from a file. Throws Error for another shape.
  void set_rope_table(Tensor table);

  /// The parts that this process holds; Error for another.
  const Prelude& prelude() const;
  const RecurrentCore& core() const;
  RecurrentCore& core();
  const Coda& coda() const;

 private:
  Variable new_embedding(TensorType weights) const;
  BlockContext block_context(const TokenBatch& batch, Recompute recompute) const;

  ModelConfig config_;
  ModelPart part_;
  TensorType type_;
  Variable embedding_;  // [vocab_size, n_embd], of the prelude and, when tied, of the coda
  std::optional<Prelude> prelude_;
  std::optional<RecurrentCore> core_;
  std::optional<Coda> coda_;
  Tensor rope_table_;
  ParameterList parameters_;
};

}  // namespace modr
