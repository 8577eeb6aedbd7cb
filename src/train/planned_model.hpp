#pragma once
// A ModrModel's part in sizes alone: its parameters, what they are packed to, and its passes. Named as in src/model.
#include <optional>
#include <vector>

#include "model/modr_model.hpp"
#include "train/planned_ops.hpp"

namespace modr {

/// What a planned model is like beyond its config.
struct PlannedModelOptions {
  DType dtype = DType::f32;
  ModelPart part = {};
  Trainable trainable = Trainable::all;
  int64_t merge_up_to = 1;
  bool with_backward = true;       ///< see PackOptions
  bool branches_elsewhere = false;  ///< rows travel to them
};

/// One microbatch and how deep it goes.
struct PlannedPass {
  int64_t rows = 0;                    ///< tokens, padding too
  int64_t sequences = 0, longest = 0;  ///< that they belong to, and tokens of the longest
  Depth depth{0, 1};
  Recompute recompute = Recompute::none;
};

class PlannedModel {
 public:
  /// Takes weights, with `optimizer` its moments, and packed copies.
  PlannedModel(PlannedTape& tape, const ModelConfig& config, const PlannedModelOptions& options, bool optimizer);

  PlannedVariable run_prelude(const PlannedPass& pass);
  PlannedVariable run_core(const PlannedVariable& e, const PlannedPass& pass);
  /// The loss, a scalar.
  PlannedVariable run_loss(const PlannedVariable& state, const PlannedPass& pass);
  /// Values of the parameters that live here, and of those that are trained.
  int64_t values() const { return values_; }
  int64_t trained_values() const { return trained_values_; }

 private:
  struct Block {
    PlannedLinear qkv, attention_proj, fc, mlp_proj;
    std::vector<PlannedVariable> norms;
    PlannedVariable qk_bias;
  };
  // How the core's rows go to their branches.
  struct Way {
    int64_t units, passes;  // what is routed, and how often units run in all
    bool stays;             // passes are in the order of units
    bool by_token, travels;
    int64_t branches;  // here
    PlannedSequences attention;
  };

  PlannedVariable parameter(int64_t rows, int64_t columns, bool of_branches);
  PlannedLinear linear(int64_t out, int64_t in, const char* target);
  std::vector<Block> blocks(int64_t count, bool with_branches);
  void pack(const PlannedLinear& layer, bool with_backward, bool mergeable);
  void pack_all();
  Way way_of(const PlannedPass& pass) const;
  Way way_at_home(const PlannedPass& pass) const;
  PlannedVariable product(const PlannedVariable& x, const PlannedLinear& layer, const Way& way);
  PlannedVariable attention(const Block& block, const PlannedVariable& x, const Way& way);
  PlannedVariable run(const Block& block, const PlannedVariable& x, const Way& way);
  PlannedVariable run_blocks(const std::vector<Block>& blocks, PlannedVariable x, const Way& way, bool recompute);
  PlannedVariable run_branches(const PlannedVariable& h, const PlannedVariable& gates, const Way& way,
                               const PlannedPass& pass);
  PlannedVariable step(const PlannedVariable& state, const PlannedVariable& injected, PlannedVariable& gates,
                       const Way& way, const PlannedPass& pass);

  PlannedTape& tape_;
  const ModelConfig& config_;
  PlannedModelOptions options_;
  bool optimizer_;
  int64_t branches_here_;
  int64_t values_ = 0, trained_values_ = 0;
  PlannedVariable embedding_, head_, final_norm_, adapter_, router_;
  PlannedLinear from_state_, from_prelude_;
  std::vector<Block> prelude_, core_, coda_;
  std::vector<PlannedBlock> held_;  // moments, packed copies, tables
};

}  // namespace modr
