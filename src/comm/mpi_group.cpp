#include "comm/mpi_group.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "base/hash.hpp"
#include "comm/chunks.hpp"
#include "comm/mpi_check.hpp"

namespace modr {

namespace {

constexpr int disagreement_tag = 1;
constexpr int first_data_tag = 100, first_message_tag = 16000;  // MPI has tags up to 32767 at least
constexpr int num_tags = 15000;                                 // so many may be under way at a time
constexpr double time_to_tell = 2;  // seconds that ranks which disagree have to say what they call

// A number for the fact that `from` sends `to` so many bytes.
uint64_t mix(int from, int to, int64_t bytes) {
  const std::array<int64_t, 3> numbers{from, to, bytes};
  return fnv1a(std::string_view(reinterpret_cast<const char*>(numbers.data()), sizeof numbers));
}

// What ranks send each other when they disagree: the tag, then Call::bytes.
std::vector<std::byte> pack(const Tag& tag, const std::vector<int64_t>& bytes) {
  std::vector<std::byte> packed(sizeof tag + bytes.size() * sizeof(int64_t));
  std::memcpy(packed.data(), &tag, sizeof tag);
  if (!bytes.empty()) std::memcpy(packed.data() + sizeof tag, bytes.data(), packed.size() - sizeof tag);
  return packed;
}

Call unpack(int rank, std::span<const std::byte> packed) {
  Call call{rank, {}, std::vector<int64_t>((packed.size() - sizeof(Tag)) / sizeof(int64_t))};
  std::memcpy(&call.tag, packed.data(), sizeof(Tag));
  if (!call.bytes.empty()) std::memcpy(call.bytes.data(), packed.data() + sizeof(Tag), packed.size() - sizeof(Tag));
  return call;
}

// What a group tells each other then, all to all.
class Tellings {
 public:
  Tellings(std::vector<std::byte> told, std::size_t size)
      : told_(std::move(told)),
        heard_(size, std::vector<std::byte>(sizeof(Tag) + 2 * size * sizeof(int64_t))),
        sends_(size, MPI_REQUEST_NULL),
        receives_(size, MPI_REQUEST_NULL),
        num_heard_(size, -1) {}

  void start(int rank, MPI_Comm comm) {
    const auto r = static_cast<std::size_t>(rank);
    MODR_MPI(MPI_Irecv, heard_[r].data(), narrow_count(std::ssize(heard_[r])), MPI_BYTE, rank, disagreement_tag, comm,
             &receives_[r]);
    MODR_MPI(MPI_Isend, told_.data(), narrow_count(std::ssize(told_)), MPI_BYTE, rank, disagreement_tag, comm,
             &sends_[r]);
  }

  // Whether all have told, and have been told.
  bool all_heard() {
    bool all = true;
    for (std::size_t rank = 0; rank < heard_.size(); ++rank) {
      int is_sent = 0, is_heard = 0;
      MPI_Status status;
      MODR_MPI(MPI_Test, &sends_[rank], &is_sent, MPI_STATUS_IGNORE);
      if (!has_heard(rank)) {
        MODR_MPI(MPI_Test, &receives_[rank], &is_heard, &status);
        if (is_heard) MODR_MPI(MPI_Get_count, &status, MPI_BYTE, &num_heard_[rank]);
      }
      all = all && is_sent && has_heard(rank);
    }
    return all;
  }

  bool has_heard(std::size_t rank) const { return num_heard_[rank] >= 0; }
  std::span<const std::byte> heard(std::size_t rank) const {
    return std::span(heard_[rank]).first(static_cast<std::size_t>(num_heard_[rank]));
  }

 private:
  std::vector<std::byte> told_;
  std::vector<std::vector<std::byte>> heard_;
  std::vector<MPI_Request> sends_, receives_;
  std::vector<int> num_heard_;  // bytes; -1: none yet
};

std::vector<int32_t> ranks_in_world(MPI_Comm comm, int size) {
  MPI_Group group = MPI_GROUP_NULL, world = MPI_GROUP_NULL;
  MODR_MPI(MPI_Comm_group, comm, &group);
  MODR_MPI(MPI_Comm_group, MPI_COMM_WORLD, &world);
  std::vector<int> own(static_cast<std::size_t>(size)), of_world(own.size());
  std::iota(own.begin(), own.end(), 0);
  MODR_MPI(MPI_Group_translate_ranks, group, size, own.data(), world, of_world.data());
  MODR_MPI(MPI_Group_free, &group);
  MODR_MPI(MPI_Group_free, &world);
  return {of_world.begin(), of_world.end()};
}

}  // namespace

MpiGroup::MpiGroup(MPI_Comm comm, uint64_t id, const std::string& name, std::shared_ptr<MpiMonitor> monitor)
    : comm_(comm), id_(id), name_(name), monitor_(std::move(monitor)) {
  MODR_MPI(MPI_Comm_dup, comm_, &control_);
  for (const MPI_Comm one : {comm_, control_}) MODR_MPI(MPI_Comm_set_errhandler, one, MPI_ERRORS_RETURN);
  MODR_MPI(MPI_Comm_rank, comm_, &rank_);
  MODR_MPI(MPI_Comm_size, comm_, &size_);
  members_ = ranks_in_world(comm_, size_);
  num_sends_.resize(members_.size());
  num_receives_.resize(members_.size());
}

MpiGroup::~MpiGroup() {
  int is_over = 0;
  MODR_SERIALIZED(MPI_Finalized, &is_over);
  if (comparisons_.empty() && !monitor_->is_lost() && is_over == 0) {
    for (MPI_Comm* one : {&control_, &comm_}) MODR_SERIALIZED(MPI_Comm_free, one);
    return;
  }
  if (!comparisons_.empty()) monitor_->keep(std::make_shared<std::deque<Comparison>>(std::move(comparisons_)));
}

Tag MpiGroup::tag(Operation operation) const {
  Tag tag{.operation = operation, .group = id_, .activity = monitor_->activity()};
  name_.copy(tag.group_name, sizeof tag.group_name - 1);
  return tag;
}

uint64_t MpiGroup::id_of_part(int64_t sequence, int color) const {
  const std::array<uint64_t, 3> path{id_, static_cast<uint64_t>(sequence), static_cast<uint64_t>(color)};
  return fnv1a(std::string_view(reinterpret_cast<const char*>(path.data()), sizeof path));
}

int MpiGroup::data_tag(int64_t sequence) { return first_data_tag + static_cast<int>(sequence % num_tags); }

int MpiGroup::message_tag(int64_t number) { return first_message_tag + static_cast<int>(number % num_tags); }

void MpiGroup::call(Tag& tag, std::vector<int64_t> bytes) {
  tag.sequence = next_sequence_;
  monitor_->start(tag);
  ++next_sequence_;
  const uint64_t sum = contribution(tag, bytes);
  Comparison& comparison = comparisons_.emplace_back(Comparison{tag, std::move(bytes), sum, MPI_REQUEST_NULL});
  MODR_MPI(MPI_Iallreduce, MPI_IN_PLACE, &comparison.sum, 1, MPI_UINT64_T, MPI_SUM, control_, &comparison.request);
}

// In the order of the sequence, so that all ranks find the same collective to be the first in which they disagree.
bool MpiGroup::agreed(int64_t sequence) {
  while (!comparisons_.empty() && comparisons_.front().tag.sequence <= sequence) {
    Comparison& comparison = comparisons_.front();
    int is_finished = 0;
    MODR_MPI(MPI_Test, &comparison.request, &is_finished, MPI_STATUS_IGNORE);
    if (!is_finished) return false;
    if (comparison.sum != 0) disagree(comparison);
    monitor_->met(comparison.tag, members_);
    comparisons_.pop_front();
  }
  return true;
}

// Rank 0's hash counts size - 1 times, that of each other rank -1 times: the sum is zero when all are equal, and hardly
// ever otherwise. Each pair's bytes are added by the sender and subtracted by the receiver.
uint64_t MpiGroup::contribution(const Tag& tag, const std::vector<int64_t>& bytes) const {
  uint64_t sum = hash_of(tag) * (rank_ == 0 ? static_cast<uint64_t>(size_ - 1) : ~uint64_t{0});
  for (int other = 0; other < static_cast<int>(bytes.size()) / 2; ++other) {
    sum += mix(rank_, other, bytes[static_cast<std::size_t>(other)]);
    sum -= mix(other, rank_, bytes[static_cast<std::size_t>(size_ + other)]);
  }
  return sum;
}

void MpiGroup::disagree(const Comparison& mine) {
  const auto exchange = std::make_shared<Tellings>(pack(mine.tag, mine.bytes), members_.size());
  monitor_->keep(exchange);  // those who do not tell in time may do so later
  for (int rank = 0; rank < size_; ++rank) exchange->start(rank, control_);
  const double deadline = node_seconds() + time_to_tell;
  while (!exchange->all_heard() && node_seconds() < deadline) std::this_thread::yield();
  std::vector<Call> calls;
  std::vector<int> silent;
  for (std::size_t rank = 0; rank < members_.size(); ++rank) {
    if (exchange->has_heard(rank)) calls.push_back(unpack(members_[rank], exchange->heard(rank)));
    else silent.push_back(members_[rank]);
  }
  const Call& first = *std::ranges::min_element(calls, {}, &Call::rank);
  monitor_->lose(disagreement_text(calls, silent), first.rank);
}

}  // namespace modr
