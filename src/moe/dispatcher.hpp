#pragma once
#include <memory>

#include "moe/config.hpp"
#include "moe/route_plan.hpp"
#include "nn/attention.hpp"

namespace modr {

/// One plan's way to the branches and home again. "Away" is where branches live: rows of any rank, in the order of
/// groups(). "Home" is where the units came from. dispatch and combine are each other's transpose, so each one's
/// backward is the other; bring_home and send_back, the relay of attention, are too.
///
/// Attention order at home is the order of the tokens where tokens are routed, and that of the passes where whole
/// sequences are (a sequence with two branches is two sequences to attention).
class Passage : public AttentionRelay {
 public:
  /// h [rows of units, width] at home -> the rows that run on this rank's branches, [away rows, width].
  virtual Variable dispatch(const Variable& h) const = 0;
  /// [away rows, width] -> the gated sum of every unit's passes, [rows of units, width] at home. Undefined gates count
  /// as 1 (top_k is 1 then).
  virtual Variable combine(const Variable& passes, const Variable& gates, ops::Gate gate) const = 0;
  /// The away rows by branch, counted from this rank's first.
  virtual const RowGroups& groups() const = 0;
  /// Boundaries of the sequences that came away as a whole, so that attention runs there, without the relay; null
  /// where it runs at home.
  virtual const Offsets& away_sequences() const = 0;
};

/// Takes rows to their branches and back; where branches live (here, or on other ranks) is its own business.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  /// Prepares the way of a plan's rows. Ranks that share branches call this together.
  virtual std::shared_ptr<const Passage> open(const RoutePlanPtr& plan) const = 0;
  /// Tells which recurrence the rows that move from now on belong to.
  virtual void enter(int64_t /*recurrence*/) const {}
  /// Whether a passage is good for one recurrence only, rather than for all that keep its plan.
  virtual bool opens_every_recurrence() const { return false; }
};

/// All branches on this rank: moving rows is a permutation of memory.
class LocalDispatcher final : public Dispatcher {
 public:
  std::shared_ptr<const Passage> open(const RoutePlanPtr& plan) const override;
};

/// The passage of LocalDispatcher, and the home half of any other: rows in the order of the plan's passes.
class LocalPassage final : public Passage {
 public:
  explicit LocalPassage(RoutePlanPtr plan) : plan_(std::move(plan)) {}

  Variable dispatch(const Variable& h) const override;
  Variable combine(const Variable& passes, const Variable& gates, ops::Gate gate) const override;
  Variable bring_home(const Variable& qkv) const override;
  Variable send_back(const Variable& attended) const override;
  const RowGroups& groups() const override { return plan_->row_groups; }
  const Offsets& away_sequences() const override { return no_sequences_; }
  const RoutePlan& plan() const { return *plan_; }

 private:
  bool permutes_tokens() const;

  RoutePlanPtr plan_;
  Offsets no_sequences_;
};

}  // namespace modr
