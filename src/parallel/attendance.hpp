#pragma once
// What a rank may do in a group that shares branches, each rank at its own pace.
#include <cstdint>
#include <string_view>

namespace modr {

/// What a rank is to its group.
enum class Duty {
  working,  // it has work of its own, and brings rows
  serving,  // it has none (left): it brings no rows and runs its branches for the others
  closed    // nobody has work: there are no more meetings
};
std::string_view name_of(Duty duty);

/// One rank's way through the protocol. Every recurrence of every rank is a meeting of the group, from the notices of
/// what will come until the rows are home; a meeting to which nobody comes with work is the last.
///
///   working --leave()--> serving --a meeting without work--> closed
///
/// Every other order throws Error: it would leave the other ranks waiting.
class Attendance {
 public:
  Duty duty() const { return duty_; }
  bool in_meeting() const { return in_meeting_; }
  /// Whether the rank can turn to the others' work now. In a meeting it cannot: they wait for rows.
  bool can_leave() const { return duty_ == Duty::working && !in_meeting_; }

  /// The rank has no work of its own any more.
  void leave();
  /// A meeting begins, to which the rank brings `rows`.
  void begin_meeting(int64_t rows);
  /// What the notices of this meeting say about all ranks.
  void hear(bool anyone_works);
  /// The rows are home.
  void end_meeting();

 private:
  Duty duty_ = Duty::working;
  bool in_meeting_ = false;
};

}  // namespace modr
