#pragma once
// For this room's MPI files only.
#include <mpi.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "comm/mpi_alarm.hpp"
#include "comm/status_board.hpp"

namespace modr {

/// A communication that has to do something when others have done something.
class Advancing {
 public:
  /// Whether all is done that had to be. Never blocks.
  virtual bool advance() = 0;

 protected:
  ~Advancing() = default;
};

/// Sees to it that nothing hangs: one a process, shared by all its groups. Every wait for other ranks goes through
/// wait(), which ends with a CommError on all ranks that wait when one of them has waited longer than the time-out.
/// Has to be owned by a std::shared_ptr: a monitor whose communication has ended lives until the process ends.
class MpiMonitor : public std::enable_shared_from_this<MpiMonitor> {
 public:
  /// Collective over `world`, all ranks of the job.
  explicit MpiMonitor(MPI_Comm world);

  void announce(const Activity& activity);
  const Activity& activity() const { return report_.activity; }
  void set_timeout(double seconds) { timeout_ = seconds; }

  /// Throws what ended communication, if it has ended. To be called before MPI is.
  void check() const {
    if (lost_) std::rethrow_exception(lost_);
  }
  bool is_lost() const { return lost_ != nullptr; }
  /// check(), for a communication that begins, and that `tag` describes.
  void start(const Tag& tag);
  /// Lets `one` advance whenever this rank polls for anything: what it waits for may need another rank, which waits for
  /// `one`. Until it has, or is removed.
  void add(Advancing& one) { advancing_.push_back(&one); }
  void remove(Advancing& one) { std::erase(advancing_, &one); }
  /// Throws as check() does, and what the communications throw.
  void advance_all();
  /// Polls `done` until it is true. `partners` are the ranks of the world that may be waited for.
  void wait(const Tag& tag, std::span<const int32_t> partners, const std::function<bool()>& done);
  /// All `members` have called `tag`: their last sign of life, should they fall silent.
  void met(const Tag& tag, const std::vector<int32_t>& members);

  /// Throws CommError, now and at each further call. `voice`: the rank that is to tell it.
  [[noreturn]] void lose(const std::string& text, int voice);
  /// Keeps buffers and requests that nobody will wait for, but that MPI may still use.
  void keep(std::shared_ptr<void> remains) { remains_.push_back(std::move(remains)); }
  /// Ends communication, since nobody will wait for the one that `tag` describes: its caller's memory may go, so MPI
  /// must not go on with it.
  void abandon(const Tag& tag);

 private:
  // The last collective of a group that all its members have called.
  struct Meeting {
    std::vector<int32_t> members;
    Tag tag;
    double at = 0;
  };

  void end(std::exception_ptr reason);
  [[noreturn]] void give_up(std::span<const int32_t> partners);
  void add_last_meetings(std::vector<KnownRank>& ranks) const;
  void set_state(RankReport::State state, const Tag& tag);

  StatusBoard board_;
  MpiAlarm alarm_;
  RankReport report_;  // times in it as node_seconds()
  double timeout_ = 600;
  std::unordered_map<uint64_t, Meeting> last_meetings_;  // by group
  std::vector<Advancing*> advancing_;
  std::exception_ptr lost_;
  std::vector<std::shared_ptr<void>> remains_;
};

}  // namespace modr
