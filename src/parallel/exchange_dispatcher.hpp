#pragma once
// Branches on different ranks: rows travel to the rank that owns their branch and come home (DESIGN.md, "How branches
// are placed on ranks").
#include <memory>

#include "base/slice.hpp"
#include "moe/dispatcher.hpp"
#include "parallel/attendance.hpp"
#include "parallel/collective_ops.hpp"

namespace modr {

/// Whether the ranks of the group run the same passes together, as in a training step, or each its own work at its own
/// pace, as when they answer questions.
enum class Pace { together, own };

/// The branches of a group, spread over its ranks in contiguous ranges (rank_slice()).
///
/// Training (Pace::together): the ranks tell each other how many rows will come once a decision; whole sequences run
/// at their branch, attention included, so that a recurrence costs one exchange out and one home. Routed tokens stay
/// with their branch for the recurrence, and per layer q, k and v come home and attention's output goes back.
/// Pace::own: attention and caches stay where the sequence lives for either unit, and every recurrence is announced
/// anew, since ranks may stand at different recurrences of different sequences: each is a meeting (attendance.hpp), in
/// which a rank without work (left) takes part with no rows of its own and runs its branches for the others.
class ExchangeDispatcher final : public Dispatcher {
 public:
  ExchangeDispatcher(const Communicator& comm, int64_t n_branches, Pace pace);

  std::shared_ptr<const Passage> open(const RoutePlanPtr& plan) const override;
  void enter(int64_t recurrence) const override { *recurrence_ = pace_ == Pace::own ? -1 : recurrence; }
  bool opens_every_recurrence() const override { return pace_ == Pace::own; }

  /// The branches that this rank owns.
  Slice branches() const { return rank_slice(n_branches_, group_.comm.rank(), group_.comm.size()); }
  /// Bytes and exchanges of rows so far.
  const Traffic& traffic() const { return *group_.traffic; }

  /// This rank has no work of its own any more: it opens empty passages until its duty is over. With Pace::own.
  void leave() const;
  /// Where this rank stands; with Pace::together it always works.
  const Attendance& attendance() const { return *attendance_; }

 private:
  ExchangeGroup group_;
  int64_t n_branches_;
  Pace pace_;
  std::shared_ptr<Attendance> attendance_;  // shared with the passages, whose combine() ends a meeting
  std::shared_ptr<int64_t> recurrence_;  // that rows move for; shared with the passages
};

}  // namespace modr
