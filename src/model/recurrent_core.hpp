#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "base/slice.hpp"
#include "model/config.hpp"
#include "model/depth_sampler.hpp"
#include "model/kv_cache.hpp"
#include "moe/dispatcher.hpp"
#include "moe/router.hpp"
#include "nn/sandwich_block.hpp"

namespace modr {

/// How weights are prepared for products, see ModrModel::pack_weights().
struct PackOptions {
  bool with_backward = false;
  int64_t merge_up_to = 0;
};

/// What a forward pass keeps for backward: everything, the inputs of every block of the model, or those of every
/// recurrence. What is not kept is computed again, with the routing decisions that were made.
enum class Recompute { none, block, recurrence };

/// What a forward pass through the core needs besides its inputs.
struct CoreContext {
  Offsets sequences;          // rows of each: tokens that attend to each other, and routed as one by unit sequence
  RowMask mask;               // real rows; null: all
  Tensor rope_table;
  Indices positions;          // [rows], each within its sequence
  KvCache* cache = nullptr;   // decoding: read and written at every recurrence
  bool tokens_are_units = false;  // routes each token by itself, whatever the config's unit
  Recompute recompute = Recompute::none;
  /// In recurrences without gradient h is a constant, but gates that serve later ones still lead into the router.
  bool gates_outlive_no_grad = false;
  std::vector<Tensor>* latents = nullptr;  // when set, receives the state after every recurrence
};

/// The state after the last recurrence, [rows, n_embd], and every decision of the router in order.
struct CoreOutput {
  Variable state;
  std::vector<RouteDecision> decisions;
};

/// The repeated part of the model: h = adapter([s, e]), s = gated sum over the chosen branches of core_block(h), the
/// same layers at every recurrence (MODEL.md, "Huginn" and "MoDr").
class RecurrentCore {
 public:
  /// With adapters for `branches_here` of the config's branches; matrices of the backbone are of `weights` (see
  /// Linear), adapters and router exact.
  RecurrentCore(const ModelConfig& config, Slice branches_here, TensorType weights);

  /// depth.num_steps_no_grad recurrences that keep nothing, then depth.num_steps_with_grad that do. With the router
  /// deciding once, the gates of the first recurrence carry gradient into the router even when that recurrence
  /// keeps nothing.
  CoreOutput operator()(const Variable& e, const Variable& initial_state, const Depth& depth,
                        const CoreContext& context) const;

  /// The part of adapter([s, e]) that comes from e and is the same at every recurrence, [rows, n_embd].
  Variable inject(const Variable& e) const;
  /// One recurrence, counted from 0. `decision` is made anew where the config wants it and kept otherwise.
  Variable step(const Variable& state, const Variable& injected, int64_t recurrence,
                std::optional<RouteDecision>& decision, const CoreContext& context) const;
  /// Whether the router decides at this recurrence.
  bool decides_at(int64_t recurrence) const;

  const std::optional<Router>& router() const { return router_; }
  /// Where branches live; LocalDispatcher unless replaced. Its ranges of branches must be those of the constructors.
  void set_dispatcher(std::shared_ptr<const Dispatcher> dispatcher) { dispatcher_ = std::move(dispatcher); }
  /// See ModrModel::pack_weights().
  void pack(DType dtype, const PackOptions& options);
  void collect(ParameterList& parameters) const;

 private:
  RouteDecision decide(const Variable& h, const CoreContext& context) const;
  BlockContext block_context(const RouteDecision& decision, const CoreContext& context, CacheWindow* window) const;
  Variable run_branches(const Variable& h, const RouteDecision& decision, int64_t recurrence,
                        const CoreContext& context) const;

  BranchConfig branches_;
  Slice branches_here_;
  Variable adapter_;  // [n_embd, 2 n_embd], columns of s first, then of e; not packed, since it serves as two
  Linear from_state_, from_prelude_;  // the two halves of it
  std::vector<SandwichBlock> blocks_;
  std::optional<Router> router_;
  std::shared_ptr<const Dispatcher> dispatcher_;
};

}  // namespace modr
