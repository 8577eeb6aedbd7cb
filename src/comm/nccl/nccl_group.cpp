#include "comm/nccl/nccl_group.hpp"

#include <utility>

#include "comm/mpi_check.hpp"
#include "comm/nccl/nccl_check.hpp"

namespace modr {

namespace {

// So many operations may be under way before this rank waits for the first of them.
constexpr std::size_t max_lag = 64;

}  // namespace

NcclGroup::NcclGroup(std::shared_ptr<MpiGroup> group, const ncclUniqueId& id) : group_(std::move(group)) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  or_abort([&] {
    check_nccl(ncclCommInitRankConfig(&comm_, group_->size(), id, group_->rank(), &config), nullptr,
               "ncclCommInitRankConfig");
    poll_until_ready(group_->tag(Operation::open_nccl), group_->members());
  });
  group_->monitor().add(*this);
}

// ncclCommAbort frees without asking the other ranks, whereas ncclCommDestroy may wait for them.
NcclGroup::~NcclGroup() {
  group_->monitor().remove(*this);
  int is_over = 0;
  MODR_SERIALIZED(MPI_Finalized, &is_over);
  try {
    while (is_over == 0 && !lagging_.empty() && lagging_.front()->done()) lagging_.pop_front();
    if (lagging_.empty() && comm_ != nullptr) ncclCommAbort(comm_);
  } catch (const std::exception&) {  // nobody asks any more what became of them
  }
  leave();
}

void NcclGroup::leave() {
  static auto& left = *new std::deque<std::shared_ptr<Started>>;
  left.insert(left.end(), lagging_.begin(), lagging_.end());
}

std::shared_ptr<NcclGroup::Started> NcclGroup::launch(std::unique_ptr<MpiOperation> agreement,
                                                      std::vector<int32_t> partners, cudaStream_t stream,
                                                      const Calls& calls) {
  const Tag tag = agreement->tag();
  auto started = std::make_shared<Started>(*this, std::move(agreement), std::move(partners));
  or_abort([&] {
    check_nccl(ncclGroupStart(), comm_, "ncclGroupStart");
    calls(comm_);
    check_nccl(ncclGroupEnd(), comm_, "ncclGroupEnd");
    poll_until_ready(tag, group_->members());
    started->record(stream);
  });
  lagging_.push_back(started);
  let_lag();
  return started;
}

void NcclGroup::settle() {
  while (!lagging_.empty()) {
    lagging_.front()->wait();
    lagging_.pop_front();
  }
}

// While this rank waits for another on the host, that one may wait for this one's GPU: who looks at what is under way
// hears of its errors, and an emulated GPU gets on when it is looked at. Never done.
bool NcclGroup::advance() {
  if (!lagging_.empty()) lagging_.back()->is_event_done();
  return false;
}

void NcclGroup::let_lag() {
  while (!lagging_.empty() && lagging_.front()->done()) lagging_.pop_front();
  while (lagging_.size() > max_lag) {
    lagging_.front()->wait();
    lagging_.pop_front();
  }
}

template <typename F>
void NcclGroup::or_abort(F&& work) {
  try {
    work();
  } catch (...) {
    if (comm_ != nullptr) ncclCommAbort(std::exchange(comm_, nullptr));
    throw;
  }
}

// Until then neither the communicator nor the order of its stream may be relied on.
void NcclGroup::poll_until_ready(const Tag& tag, std::span<const int32_t> partners) {
  group_->monitor().wait(tag, partners, [this] {
    ncclResult_t result = ncclSuccess;
    check_nccl(ncclCommGetAsyncError(comm_, &result), comm_, "ncclCommGetAsyncError");
    check_nccl(result, comm_, "communication");
    return result == ncclSuccess;
  });
}

void NcclGroup::check_error() {
  if (comm_ == nullptr) fail("NCCL: the communicator of this group was given up");
  ncclResult_t result = ncclSuccess;
  check_nccl(ncclCommGetAsyncError(comm_, &result), comm_, "ncclCommGetAsyncError");
  check_nccl(result, comm_, "communication");
}

NcclGroup::Started::Started(NcclGroup& nccl, std::unique_ptr<MpiOperation> agreement, std::vector<int32_t> partners)
    : nccl_(nccl), agreement_(std::move(agreement)), partners_(std::move(partners)) {}

NcclGroup::Started::~Started() {
  if (event_ != nullptr) cudaEventDestroy(event_);
}

void NcclGroup::Started::record(cudaStream_t stream) {
  check_device(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "an event");
  check_device(cudaEventRecord(event_, stream), "an event in a stream");
}

// The event is asked only when the ranks agree: what it tells before that might be of NCCL's confusion.
bool NcclGroup::Started::done() {
  if (!is_done_) nccl_.or_abort([this] { is_done_ = agreement_->done() && is_event_done(); });
  return is_done_;
}

void NcclGroup::Started::wait() {
  if (is_done_) return;
  nccl_.or_abort([this] {
    agreement_->wait();
    nccl_.group().monitor().wait(agreement_->tag(), partners_, [this] { return is_event_done(); });
  });
  is_done_ = true;
}

bool NcclGroup::Started::is_event_done() {
  nccl_.check_error();
  const cudaError_t state = cudaEventQuery(event_);
  if (state != cudaErrorNotReady) check_device(state, "work of the device");
  return state == cudaSuccess;
}

}  // namespace modr
