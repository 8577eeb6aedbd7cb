#pragma once
// For this room's NCCL files only.
#include <nccl.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/before_waiting.hpp"
#include "comm/mpi_group.hpp"
#include "comm/mpi_monitor.hpp"
#include "comm/mpi_operation.hpp"

namespace modr {

/// NCCL between the ranks of an MpiGroup, which tells whether they call the same, and who does not come. Each operation
/// is one launch: NCCL moves the data in a stream's order, MPI compares tags beside it, and an event behind it tells
/// when it is done. NCCL itself would wait for ever: every wait for an operation has the time-out of the group, and
/// ends the communicator (ncclCommAbort), with all that is under way, when the ranks have lost each other.
class NcclGroup final : public std::enable_shared_from_this<NcclGroup>, private Advancing {
 public:
  /// Collective; begins to make a communicator from rank 0's `id`, of the calling thread's GPU, and waits for it.
  NcclGroup(std::shared_ptr<MpiGroup> group, const ncclUniqueId& id);
  /// Waits for nobody: what is still under way is left alone, with the communicator.
  ~NcclGroup();
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  MpiGroup& group() const { return *group_; }
  const std::shared_ptr<MpiGroup>& shared_group() const { return group_; }

  /// What NCCL is to do as one operation: makes its calls, between ncclGroupStart and ncclGroupEnd.
  using Calls = std::function<void(ncclComm_t)>;

  /// An operation under way.
  class Started {
   public:
    Started(NcclGroup& nccl, std::unique_ptr<MpiOperation> agreement, std::vector<int32_t> partners);
    ~Started();
    Started(const Started&) = delete;
    Started& operator=(const Started&) = delete;

    /// Behind what the stream has now.
    void record(cudaStream_t stream);
    bool done();
    void wait();
    bool is_event_done();

   private:

    NcclGroup& nccl_;
    std::unique_ptr<MpiOperation> agreement_;
    std::vector<int32_t> partners_;  // ranks of the world
    cudaEvent_t event_ = nullptr;
    bool is_done_ = false;
  };

  /// Puts an operation into the stream's order, whose tag has been told to the `partners`.
  std::shared_ptr<Started> launch(std::unique_ptr<MpiOperation> agreement, std::vector<int32_t> partners,
                                  cudaStream_t stream, const Calls& calls);
  /// Waits for all operations.
  void settle();

 private:
  // Runs `work`, after whose failure the communicator is no more.
  template <typename F>
  void or_abort(F&& work);
  void poll_until_ready(const Tag& tag, std::span<const int32_t> partners);
  void check_error();
  bool advance() override;
  void let_lag();
  void leave();

  std::shared_ptr<MpiGroup> group_;
  ncclComm_t comm_ = nullptr;  // null after an abort
  std::deque<std::shared_ptr<Started>> lagging_;
  BeforeWaiting before_waiting_{[this] { settle(); }};
};

}  // namespace modr
