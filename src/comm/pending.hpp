#pragma once
#include <memory>
#include <utility>

namespace modr {

/// What a backend has under way for one Pending.
class PendingWork {
 public:
  virtual ~PendingWork() = default;
  /// Whether it has finished; never blocks.
  virtual bool done() = 0;
  virtual void wait() = 0;
};

/// A communication under way; the memory it was given must stay, and be left alone, until wait() has returned or done()
/// was true. Both throw what the communication itself throws. One that is destroyed unfinished, as an exception does
/// it, does not communicate: the job is to end then, and no more is sent or received over any group of this process.
class [[nodiscard]] Pending {
 public:
  /// One that has finished already.
  Pending() = default;
  explicit Pending(std::unique_ptr<PendingWork> work) : work_(std::move(work)) {}

  void wait() {
    if (work_) work_->wait();
    work_.reset();
  }
  bool done() {
    if (work_ && work_->done()) work_.reset();
    return !work_;
  }

 private:
  std::unique_ptr<PendingWork> work_;
};

}  // namespace modr
