// What the emulated NCCL does in a stream's order: every operation is asked again and again until it is done, and goes
// through memory of its own, since the device's is nobody else's while the device does not work.
#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "comm/chunks.hpp"
#include "comm/emulated_nccl/communicator.hpp"
#include "comm/lost_ranks.hpp"
#include "comm/mpi_check.hpp"
#include "kernels/emulated/control.hpp"

namespace modr::emulated {

namespace {

// MPI's tags on a communicator: so many may be under way at a time.
constexpr int num_tags = 15000, first_message_tag = 16000;

struct Element {
  MPI_Datatype type;
  int64_t size;
};

Element element_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
      return {MPI_INT8_T, 1};
    case ncclInt64:
      return {MPI_INT64_T, 8};
    case ncclFloat32:
      return {MPI_FLOAT, 4};
    case ncclFloat64:
      return {MPI_DOUBLE, 8};
  }
  fail("emulated NCCL: unknown type");
}

MPI_Op op_of(ncclRedOp_t op) { return op == ncclSum ? MPI_SUM : op == ncclMax ? MPI_MAX : MPI_MIN; }

const char* name_of(CallKind kind) {
  const char* const names[] = {"all_reduce", "reduce_scatter", "all_gather", "broadcast", "send", "receive"};
  return names[static_cast<std::size_t>(kind)];
}

bool is_done(MPI_Request& request) {
  int done = 0;
  MODR_MPI(MPI_Test, &request, &done, MPI_STATUS_IGNORE);
  return done != 0;
}

std::vector<std::byte> copy_of(const void* memory, int64_t bytes) {
  const auto* begin = static_cast<const std::byte*>(memory);
  return bytes == 0 ? std::vector<std::byte>() : std::vector<std::byte>(begin, begin + bytes);
}

void copy_to(const std::vector<std::byte>& bytes, void* memory) {
  if (!bytes.empty()) std::ranges::copy(bytes, static_cast<std::byte*>(memory));
}

// An operation of a stream. Once begun it lives until it is done; after an abort, until the process ends.
class Operation {
 public:
  explicit Operation(ncclComm& comm) : comm_(comm) { ++comm.under_way; }
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  bool poll() {
    if (comm_.is_aborted) return true;
    if (!waited_) waited_.emplace();
    if (!go_on()) return false;
    --comm_.under_way;
    return true;
  }
  bool is_given_up() const { return comm_.is_aborted; }

 protected:
  virtual bool go_on() = 0;
  void check_patience(const std::string& partner, const std::string& what) const {
    if (waited_->is_too_long())
      fail("emulated NCCL: rank {} of {} waits for {} in {} (NCCL would hang)", comm_.rank, comm_.size, partner, what);
  }

  ncclComm& comm_;

 private:
  std::optional<Waited> waited_;
};

// A collective: the ranks tell each other what they call, and then let MPI's collective do it.
class Collective final : public Operation {
 public:
  Collective(ncclComm& comm, const Call& call)
      : Operation(comm),
        call_(call),
        number_(comm.num_collectives++),
        told_(description()),
        heard_(static_cast<std::size_t>(comm.size)),
        sends_(heard_.size(), MPI_REQUEST_NULL),
        receives_(heard_.size(), MPI_REQUEST_NULL) {}

 private:
  // What has to be equal on all ranks.
  struct Description {
    int32_t kind, type, op, root;
    int64_t count;
    bool operator==(const Description&) const = default;
  };

  Description description() const {
    return {static_cast<int32_t>(call_.kind), call_.type, call_.op, call_.peer, call_.count};
  }
  static std::string text_of(const Description& told) {
    return fmt::format("{} of {} elements of type {} (reduction {}, root {})",
                       name_of(static_cast<CallKind>(told.kind)), told.count, told.type, told.op, told.root);
  }

  bool go_on() override {
    if (!has_told_) tell();
    if (!has_met_ && !meet()) return false;
    if (!has_begun_) start();
    if (!is_done(request_)) return false;
    copy_to(out_, call_.to);
    return true;
  }

  void tell() {
    has_told_ = true;
    const int tag = static_cast<int>(number_ % num_tags);
    for (int rank = 0; rank < comm_.size; ++rank) {
      const auto r = static_cast<std::size_t>(rank);
      MODR_MPI(MPI_Irecv, &heard_[r], sizeof(Description), MPI_BYTE, rank, tag, comm_.mpi, &receives_[r]);
      MODR_MPI(MPI_Isend, &told_, sizeof(Description), MPI_BYTE, rank, tag, comm_.mpi, &sends_[r]);
    }
  }

  bool meet() {
    std::vector<int> missing;
    bool all_sent = true;
    for (std::size_t rank = 0; rank < heard_.size(); ++rank) {
      all_sent = is_done(sends_[rank]) && all_sent;
      if (!is_done(receives_[rank])) missing.push_back(static_cast<int>(rank));
    }
    if (!missing.empty()) check_patience(rank_list(missing), fmt::format("collective {}, {}", number_, text_of(told_)));
    if (!missing.empty() || !all_sent) return false;
    const auto other = std::ranges::find_if(heard_, [this](const Description& one) { return !(one == told_); });
    if (other != heard_.end())
      check_patience(rank_list({static_cast<int>(other - heard_.begin())}) + " which calls " + text_of(*other),
                     fmt::format("collective {}, {}", number_, text_of(told_)));
    return has_met_ = other == heard_.end();
  }

  void start() {
    has_begun_ = true;
    const auto [type, size] = element_of(call_.type);
    const int count = narrow_count(call_.count);
    const int64_t bytes = call_.count * size;
    switch (call_.kind) {
      case CallKind::all_reduce:
        out_ = copy_of(call_.from, bytes);
        MODR_MPI(MPI_Iallreduce, MPI_IN_PLACE, out_.data(), count, type, op_of(call_.op), comm_.mpi, &request_);
        break;
      case CallKind::reduce_scatter:
        in_ = copy_of(call_.from, bytes * comm_.size);
        out_.resize(static_cast<std::size_t>(bytes));
        MODR_MPI(MPI_Ireduce_scatter_block, in_.data(), out_.data(), count, type, op_of(call_.op), comm_.mpi,
                 &request_);
        break;
      case CallKind::all_gather:
        in_ = copy_of(call_.from, bytes);
        out_.resize(static_cast<std::size_t>(bytes * comm_.size));
        MODR_MPI(MPI_Iallgather, in_.data(), count, type, out_.data(), count, type, comm_.mpi, &request_);
        break;
      default:
        out_ = copy_of(comm_.rank == call_.peer ? call_.from : call_.to, bytes);
        MODR_MPI(MPI_Ibcast, out_.data(), count, type, call_.peer, comm_.mpi, &request_);
    }
  }

  Call call_;
  int64_t number_;
  Description told_;
  std::vector<Description> heard_;
  std::vector<MPI_Request> sends_, receives_;
  std::vector<std::byte> in_, out_;
  MPI_Request request_ = MPI_REQUEST_NULL;
  bool has_told_ = false, has_met_ = false, has_begun_ = false;
};

// A group's sends and receives, all at once. A send is not done before its receiver takes it: NCCL promises no more.
class Messages final : public Operation {
 public:
  Messages(ncclComm& comm, const std::vector<Call>& calls) : Operation(comm) {
    for (const Call& call : calls) {
      const auto peer = static_cast<std::size_t>(call.peer);
      const int64_t number = call.kind == CallKind::send ? comm.num_sends[peer]++ : comm.num_receives[peer]++;
      messages_.push_back({call, first_message_tag + static_cast<int>(number % num_tags), {}, MPI_REQUEST_NULL});
    }
  }

 private:
  struct Message {
    Call call;
    int tag;
    std::vector<std::byte> bytes;
    MPI_Request request;
    bool has_begun = false, is_done = false;
  };

  bool go_on() override {
    bool all_done = true;
    for (Message& message : messages_) {
      if (!message.is_done && !go_on_with(message)) all_done = false;
    }
    return all_done;
  }

  bool go_on_with(Message& message) {
    const bool sends = message.call.kind == CallKind::send;
    if (!message.has_begun && sends) send(message);
    if (!message.has_begun && !sends) receive(message);
    message.is_done = message.has_begun && is_done(message.request) && has_its_size(message);
    if (message.is_done && !sends) copy_to(message.bytes, message.call.to);
    if (!message.is_done) {
      const std::string other =
          sends || has_its_size(message) ? "" : fmt::format(" which sends {} bytes", message.bytes.size());
      check_patience(rank_list({message.call.peer}) + other,
                     fmt::format("a {} of {} elements", name_of(message.call.kind), message.call.count));
    }
    return message.is_done;
  }

  static bool has_its_size(const Message& message) {
    const int64_t expected = message.call.count * element_of(message.call.type).size;
    return !message.has_begun || std::ssize(message.bytes) == expected;
  }

  void send(Message& message) {
    message.has_begun = true;
    message.bytes = copy_of(message.call.from, message.call.count * element_of(message.call.type).size);
    MODR_MPI(MPI_Issend, message.bytes.data(), narrow_count(std::ssize(message.bytes)), MPI_BYTE, message.call.peer,
             message.tag, comm_.mpi, &message.request);
  }

  void receive(Message& message) {
    int found = 0, bytes = 0;
    MPI_Message handle = MPI_MESSAGE_NULL;
    MPI_Status status;
    MODR_MPI(MPI_Improbe, message.call.peer, message.tag, comm_.mpi, &found, &handle, &status);
    if (!found) return;
    message.has_begun = true;
    MODR_MPI(MPI_Get_count, &status, MPI_BYTE, &bytes);
    message.bytes.resize(static_cast<std::size_t>(bytes));
    MODR_MPI(MPI_Imrecv, message.bytes.data(), bytes, MPI_BYTE, &handle, &message.request);
  }

  std::vector<Message> messages_;
};

// What was given up, by an abort or an error, stays: MPI may still write into it.
void enqueue_operation(cudaStream_t stream, std::unique_ptr<Operation> operation) {
  static auto& under_way = *new std::map<Operation*, std::unique_ptr<Operation>>;
  Operation* const one = operation.get();
  under_way.emplace(one, std::move(operation));
  enqueue_until_done(stream, [one] {
    if (!one->poll()) return false;
    if (!one->is_given_up()) under_way.erase(one);
    return true;
  });
}

}  // namespace

void enqueue_launch(ncclComm* comm, Launch launch) {
  std::vector<Call> messages;
  for (const Call& call : launch.calls) {
    const bool is_message = call.kind == CallKind::send || call.kind == CallKind::receive;
    if (is_message)
      messages.push_back(call);
    else if (call.count > 0)
      enqueue_operation(launch.stream, std::make_unique<Collective>(*comm, call));
  }
  if (!messages.empty()) enqueue_operation(launch.stream, std::make_unique<Messages>(*comm, messages));
}

namespace {
std::atomic<double> patience = 300;
}
void set_nccl_patience(double seconds) { patience = seconds; }
double nccl_patience() { return patience; }

}  // namespace modr::emulated
