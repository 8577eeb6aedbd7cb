#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "checkpoint/checkpoint_save.hpp"
#include "train/shard.hpp"

namespace modr {

/// The checkpoints of a run as training goes on. With train.async_save a save takes a copy of the state, and the rest
/// is done beside the next steps; at most one save is under way. A thread talks to the disk, so that a rank whose disk
/// does not answer still answers the others. All calls are collective over the shard's world; those that end a save
/// throw the same Error on all ranks when it failed, and older checkpoints are then as they were.
class Checkpointer {
 public:
  /// Keeps references to job and shard.
  Checkpointer(std::filesystem::path run_folder, const TrainJob& job, const Shard& shard);
  /// A save that is still under way is given up. Waits for its thread, but not when ranks have lost each other, and not
  /// for long when an exception passes through on one of several ranks: the thread is left behind then, with all that
  /// it uses, and the process has to end.
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// Saves the state after `step`, or, with steps to follow and train.async_save, begins to; ends an earlier save
  /// first. `guard`: CheckpointInfo::guard.
  void save(int64_t step, const std::vector<double>& guard, bool more_follows);
  /// Takes the save under way further, if all ranks are ready for that.
  void poll();
  /// Ends the save under way, waiting for it.
  void wait();

  /// The last checkpoint that `latest` was made to name; empty before the first.
  const std::filesystem::path& last() const { return last_; }
  /// What the last save took all in all, or would have taken had training waited for it; 0 before the first.
  double last_seconds() const { return last_seconds_; }

 private:
  // All that the thread uses.
  struct Saving {
    CheckpointSave save;
    std::shared_ptr<CheckpointBuffer> buffer;
    Stopwatch watch{};       // of the save
    double stood_still = 0;  // seconds that training did
    double beside = 0;       // seconds of work() beside it
    Stopwatch turn{};        // of the last work()
    double turn_s = 0;       // how long that took, once it is ready
    std::atomic<bool> is_ready = false;
    std::thread thread{};
  };
  void start_turn();
  bool advance();
  void finish();
  double patience_s() const;

  std::filesystem::path run_folder_;
  const TrainJob& job_;
  const Shard& shard_;
  int exceptions_at_start_;
  std::shared_ptr<CheckpointBuffer> buffer_ = std::make_shared<CheckpointBuffer>();
  std::unique_ptr<Saving> saving_;  // on all ranks or on none
  std::filesystem::path last_;
  double last_seconds_ = 0;
};

}  // namespace modr
