#include "comm/mpi_counter.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "comm/mpi_check.hpp"
#include "comm/mpi_operation.hpp"

namespace modr {

namespace {

constexpr int owner = 0;  // the rank that has the number

// MPI need not answer a draw before its owner makes a call, and MPICH, like Open MPI over TCP, does not: so a thread makes
// one now and then, of those that let MPI work. (A thousand a second cost nothing, and a piece of work takes longer.)
class AnsweringThread {
 public:
  explicit AnsweringThread(MPI_Comm comm)
      : thread_([comm](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            int there_is_one = 0;
            MODR_SERIALIZED(MPI_Iprobe, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &there_is_one, MPI_STATUS_IGNORE);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}

 private:
  std::jthread thread_;
};

// MPI makes and frees windows by calls that block: they begin when all ranks have come.
class MpiCounter final : public CounterBackend {
 public:
  explicit MpiCounter(std::shared_ptr<MpiGroup> group) : group_(std::move(group)) {
    meet(Operation::open_counter);
    int64_t* number = nullptr;
    const MPI_Aint bytes = group_->rank() == owner ? sizeof(int64_t) : 0;
    // Allocated by MPI, so that it lies in shared memory where all ranks are on one node.
    MODR_MPI(MPI_Win_allocate, bytes, sizeof(int64_t), MPI_INFO_NULL, group_->comm(), &number, &window_);
    MODR_MPI(MPI_Win_set_errhandler, window_, MPI_ERRORS_RETURN);
    MODR_MPI(MPI_Win_lock_all, MPI_MODE_NOCHECK, window_);
    if (group_->rank() == owner) *number = 0;
    MODR_MPI(MPI_Win_sync, window_);
    MODR_MPI(MPI_Barrier, group_->comm());
    if (group_->rank() == owner && group_->size() > 1) answering_.emplace(group_->comm());
  }

  // A draw that nobody waits for any more may still be answered.
  ~MpiCounter() override { group_->monitor().keep(draw_); }

  int64_t next(int64_t taken) override {
    Tag tag = group_->tag(Operation::draw);
    tag.peer = group_->member(owner);
    group_->monitor().start(tag);
    draw_->taken = taken;
    MODR_MPI(MPI_Rget_accumulate, &draw_->taken, 1, MPI_INT64_T, &draw_->number, 1, MPI_INT64_T, owner, 0, 1,
             MPI_INT64_T, MPI_SUM, window_, &draw_->request);
    group_->monitor().wait(tag, std::span(&tag.peer, 1), [this] { return is_drawn(); });
    return draw_->number;
  }

  void close() override {
    meet(Operation::close_counter);
    answering_.reset();
    MODR_MPI(MPI_Win_unlock_all, window_);
    MODR_MPI(MPI_Win_free, &window_);
  }

 private:
  struct Draw {
    int64_t taken = 1, number = 0;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void meet(Operation operation) { MpiCollective(group_, group_->tag(operation)).wait(); }

  bool is_drawn() {
    int is_finished = 0;
    MODR_MPI(MPI_Test, &draw_->request, &is_finished, MPI_STATUS_IGNORE);
    return is_finished != 0;
  }

  std::shared_ptr<MpiGroup> group_;
  MPI_Win window_ = MPI_WIN_NULL;
  std::shared_ptr<Draw> draw_ = std::make_shared<Draw>();
  std::optional<AnsweringThread> answering_;  // the last: it ends first
};

}  // namespace

std::unique_ptr<CounterBackend> make_mpi_counter(std::shared_ptr<MpiGroup> group) {
  return std::make_unique<MpiCounter>(std::move(group));
}

}  // namespace modr
