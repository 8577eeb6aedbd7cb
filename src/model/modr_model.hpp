#pragma once
#include <cstdint>
#include <vector>

#include "model/coda.hpp"
#include "model/config.hpp"
#include "model/prelude.hpp"
#include "model/recurrent_core.hpp"
#include "model/token_batch.hpp"

namespace modr {

/// Which parameters train: everything, or only the branches and their router over a frozen backbone.
enum class Trainable { all, branches };

/// What a forward pass went through, for records and parity tests.
struct ForwardTrace {
  Tensor embedded, prelude_out, final_normed, head_in;
  std::vector<Tensor> latents;  // after each recurrence
};

/// How one forward pass is run.
struct ForwardOptions {
  Depth depth;
  bool recompute = false;
  ForwardTrace* trace = nullptr;
};

/// Logits [batch * seq, vocab_size] and the router's decisions.
struct ForwardOutput {
  Variable logits;
  std::vector<RouteDecision> decisions;
};

/// A depth-recurrent transformer with routed branches, written as if there were one rank: prelude -> recurrent core ->
/// coda. The stages can also be run by themselves.
class ModrModel {
 public:
  /// All weights are zero (norms one) until initialised or loaded. Throws Error for an impossible config.
  ModrModel(const ModelConfig& config, DType dtype);

  ForwardOutput forward(const TokenBatch& batch, const Variable& initial_state, const ForwardOptions& options) const;
  /// weight * summed cross-entropy of the batch's labels, a scalar.
  Variable loss(const Variable& logits, const TokenBatch& batch, double weight) const;

  /// Takase initialisation (MODEL.md, "Init"), a pure function of the seed and each parameter's name. Adapters: A
  /// Kaiming uniform (a = sqrt 5), B zeros; the router like any linear weight.
  void initialize(uint64_t seed);
  void set_trainable(Trainable which);

  const ModelConfig& config() const { return config_; }
  DType dtype() const { return dtype_; }
  const ParameterList& parameters() const { return parameters_; }
  /// b of the router, [n_branches]; undefined without a router. A view: writing to it changes the router's.
  Tensor router_bias() const;
  const Tensor& rope_table() const { return rope_table_; }
  /// Replaces the computed table, e.g. by one from a file. Throws Error for another shape.
  void set_rope_table(Tensor table);

  Prelude prelude;
  RecurrentCore core;
  Coda coda;

 private:
  ModelConfig config_;
  DType dtype_;
  Tensor rope_table_;
  ParameterList parameters_;
};

}  // namespace modr
