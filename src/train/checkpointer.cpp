#include "train/checkpointer.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "comm/agree.hpp"
#include "comm/comm_error.hpp"
#include "train/run_folder.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {

namespace {

// Between looks whether a disk has answered.
constexpr std::chrono::microseconds shortest_pause{100}, longest_pause{10'000};

}  // namespace

Checkpointer::Checkpointer(std::filesystem::path run_folder, const TrainJob& job, const Shard& shard)
    : run_folder_(std::move(run_folder)),
      job_(job),
      shard_(shard),
      exceptions_at_start_(std::uncaught_exceptions()) {}

Checkpointer::~Checkpointer() {
  if (!saving_) return;
  const Stopwatch watch;
  while (!saving_->is_ready && watch.seconds() < patience_s()) std::this_thread::sleep_for(longest_pause);
  if (saving_->is_ready && !shard_.grid.world().is_lost()) {
    if (saving_->thread.joinable()) saving_->thread.join();
  } else {
    static auto& left_behind = *new std::vector<std::unique_ptr<Saving>>;  // nobody frees it
    left_behind.push_back(std::move(saving_));
  }
}

// Who waits here for a disk keeps from the other ranks why the job ends.
double Checkpointer::patience_s() const {
  const Communicator& world = shard_.grid.world();
  if (world.is_lost()) return 0;
  const bool throws = std::uncaught_exceptions() > exceptions_at_start_;
  return throws && world.size() > 1 ? 2 : std::numeric_limits<double>::infinity();
}

void Checkpointer::save(int64_t step, const std::vector<double>& guard, bool more_follows) {
  wait();
  const Communicator& world = shard_.grid.world();
  const Stopwatch watch;
  std::filesystem::path path;
  run_agreed(world, [&] { path = new_checkpoint_path(run_folder_, step); });
  const auto when_named = [path, folder = run_folder_, keep = job_.train.keep_checkpoints,
                           every = job_.train.keep_every] {
    set_latest_checkpoint(path);
    remove_replaced(folder);
    if (keep > 0) keep_checkpoints(folder, keep, every);
  };
  CheckpointSave save(world, path, checkpoint_info(step, job_, *shard_.optimizer, guard),
                      checkpoint_tensors(job_, shard_), when_named);
  const bool beside = more_follows && job_.train.saves_beside_training();
  if (beside) run_agreed(world, [&] { save.copy_values(*buffer_); });
  saving_ = std::unique_ptr<Saving>(new Saving{std::move(save), buffer_, watch});
  start_turn();
  saving_->stood_still = watch.seconds();
  if (!beside) wait();
}

void Checkpointer::start_turn() {
  saving_->is_ready = false;
  saving_->turn.reset();
  const auto work = [saving = saving_.get()] {
    saving->save.work();
    saving->turn_s = saving->turn.seconds();
    saving->is_ready = true;
  };
  try {
    saving_->thread = std::thread(work);
  } catch (const std::system_error&) {  // no more threads: not beside training then
    work();
  }
}

void Checkpointer::poll() {
  if (!saving_) return;
  const Stopwatch watch;
  const bool done = advance();
  saving_->stood_still += watch.seconds();
  if (done) finish();
}

void Checkpointer::wait() {
  if (!saving_) return;
  const Stopwatch watch;
  const double beside = saving_->beside + (saving_->is_ready ? saving_->turn_s : saving_->turn.seconds());
  for (auto pause = shortest_pause; !advance(); pause = std::min(2 * pause, longest_pause))
    std::this_thread::sleep_for(pause);
  saving_->beside = beside;  // what came after, training has waited for
  saving_->stood_still += watch.seconds();
  finish();
}

// Whether the save is done; takes it further when all ranks are ready for that.
bool Checkpointer::advance() {
  const int64_t is_ready = saving_->is_ready ? 1 : 0;
  if (shard_.grid.world().all_reduced(is_ready, ReduceOp::min) == 0) return false;
  if (saving_->thread.joinable()) saving_->thread.join();
  saving_->beside += saving_->turn_s;
  try {
    if (saving_->save.advance()) return true;
  } catch (const CommError&) {
    throw;
  } catch (const Error&) {
    saving_.reset();  // and what it had written
    throw;
  }
  start_turn();
  return false;
}

void Checkpointer::finish() {
  const std::unique_ptr<Saving> saving = std::move(saving_);
  last_ = saving->save.path();
  last_seconds_ = shard_.grid.world().all_reduced(saving->stood_still + saving->beside, ReduceOp::max);
  log("saved {} ({:.1f} MiB in {:.2f} s, of which training stood still for {:.3f} s)", last_.string(),
      static_cast<double>(saving->save.total_bytes()) / (1 << 20), saving->watch.seconds(), saving->stood_still);
}

}  // namespace modr
