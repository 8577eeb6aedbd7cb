#include "train/checkpointer.hpp"

#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "checkpoint/checkpoint_folder.hpp"
#include "comm/agree.hpp"
#include "train/run_folder.hpp"
#include "train/training_checkpoint.hpp"

namespace modr {

Checkpointer::Checkpointer(std::filesystem::path run_folder, const TrainJob& job, const Shard& shard)
    : run_folder_(std::move(run_folder)), job_(job), shard_(shard) {}

Checkpointer::~Checkpointer() {
  if (saving_ && saving_->thread.joinable()) saving_->thread.join();
}

void Checkpointer::save(int64_t step, const std::vector<double>& guard, bool more_follows) {
  wait();
  const Communicator& world = shard_.grid.world();
  const Stopwatch watch;
  std::filesystem::path path;
  run_agreed(world, [&] { path = new_checkpoint_path(run_folder_, step); });
  const auto when_named = [this, path] {
    set_latest_checkpoint(path);
    remove_replaced(run_folder_);
    if (job_.train.keep_checkpoints > 0)
      keep_checkpoints(run_folder_, job_.train.keep_checkpoints, job_.train.keep_every);
  };
  CheckpointSave save(world, path, checkpoint_info(step, job_, *shard_.optimizer, guard),
                      checkpoint_tensors(job_, shard_), when_named);
  const bool beside = more_follows && job_.train.saves_beside_training();
  if (beside) run_agreed(world, [&] { save.copy_values(buffer_); });
  saving_ = std::unique_ptr<Saving>(new Saving{std::move(save), watch});
  if (beside) work_beside();
  saving_->stood_still = watch.seconds();
  if (!beside) wait();
}

void Checkpointer::work_beside() {
  saving_->is_ready = false;
  const auto work = [saving = saving_.get()] {
    const Stopwatch watch;
    saving->save.work();
    saving->beside += watch.seconds();
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
  const int64_t is_ready = saving_->is_ready ? 1 : 0;
  const bool all_ready = shard_.grid.world().all_reduced(is_ready, ReduceOp::min) == 1;
  const bool done = all_ready && advance();
  if (all_ready && !done) work_beside();
  saving_->stood_still += watch.seconds();
  if (done) finish();
}

void Checkpointer::wait() {
  if (!saving_) return;
  const Stopwatch watch;
  if (!saving_->thread.joinable() && !saving_->is_ready) saving_->save.work();
  while (!advance()) saving_->save.work();
  saving_->stood_still += watch.seconds();
  finish();
}

bool Checkpointer::advance() {
  if (saving_->thread.joinable()) saving_->thread.join();
  try {
    return saving_->save.advance();
  } catch (const Error&) {
    saving_.reset();  // and what it had written
    throw;
  }
}

void Checkpointer::finish() {
  const std::unique_ptr<Saving> saving = std::move(saving_);
  last_ = saving->save.path();
  last_seconds_ = shard_.grid.world().all_reduced(saving->stood_still + saving->beside, ReduceOp::max);
  log("saved {} ({:.1f} MiB in {:.2f} s, of which training stood still for {:.3f} s)", last_.string(),
      static_cast<double>(saving->save.total_bytes()) / (1 << 20), saving->watch.seconds(), saving->stood_still);
}

}  // namespace modr
