#include "comm/mpi_alarm.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

#include "comm/chunks.hpp"
#include "comm/mpi_check.hpp"

namespace modr {

namespace {

constexpr int alarm_tag = 1;

// A message: this, then the reports of the sender's node, then the ranks that the sender waits for.
struct Header {
  double age;  // of the alarm, in seconds
  int64_t num_reports, num_partners;
};

template <typename T>
void append(std::vector<std::byte>& message, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  message.insert(message.end(), bytes.begin(), bytes.end());
}

template <typename T>
std::vector<T> cut(std::span<const std::byte>& message, int64_t count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  const std::size_t bytes = values.size() * sizeof(T);
  MODR_CHECK(bytes <= message.size(), "an alarm's message ends in the middle");
  std::memcpy(values.data(), message.data(), bytes);
  message = message.subspan(bytes);
  return values;
}

// What a rank said itself counts more than what its neighbours see.
void take_report(const RankReport& report, int sender, std::vector<KnownRank>& ranks) {
  KnownRank& rank = ranks.at(static_cast<std::size_t>(report.rank));
  if (report.rank == sender || !rank.answers) rank.report = report;
  if (report.rank == sender) rank.answers = true;
}

bool may_still_answer(const KnownRank& rank) {
  return !rank.answers && (!rank.report || rank.report->state == RankReport::State::waits);
}

}  // namespace

MpiAlarm::MpiAlarm(MPI_Comm world) {
  MODR_MPI(MPI_Comm_dup, world, &comm_);
  MODR_MPI(MPI_Comm_set_errhandler, comm_, MPI_ERRORS_RETURN);
  MODR_MPI(MPI_Comm_rank, comm_, &rank_);
  MODR_MPI(MPI_Comm_size, comm_, &size_);
}

bool MpiAlarm::is_raised() const {
  int found = 0;
  MODR_MPI(MPI_Iprobe, MPI_ANY_SOURCE, alarm_tag, comm_, &found, MPI_STATUS_IGNORE);
  return found != 0;
}

std::vector<KnownRank> MpiAlarm::collect(const StatusBoard& board, std::span<const int32_t> partners, double grace) {
  std::vector<KnownRank> ranks(static_cast<std::size_t>(size_));
  ranks[static_cast<std::size_t>(rank_)].answers = true;
  ranks[static_cast<std::size_t>(rank_)].partners.assign(partners.begin(), partners.end());
  raised_at_ = node_seconds();
  receive_what_came(ranks);
  send_to_all(board, partners);
  do {
    std::this_thread::yield();
    receive_what_came(ranks);
    for (const RankReport& report : board.read()) take_report(report, -1, ranks);
  } while (std::ranges::any_of(ranks, may_still_answer) && node_seconds() < raised_at_ + grace);
  for (const RankReport& report : board.read()) {
    if (report.rank == rank_) take_report(report, rank_, ranks);
  }
  return ranks;
}

void MpiAlarm::send_to_all(const StatusBoard& board, std::span<const int32_t> partners) {
  const std::vector<RankReport> reports = board.read();
  const Header header{node_seconds() - raised_at_, std::ssize(reports), std::ssize(partners)};
  append(message_, std::span(&header, 1));
  append(message_, std::span(reports));
  append(message_, partners);
  for (int rank = 0; rank < size_; ++rank) {
    if (rank == rank_) continue;
    MPI_Request request = MPI_REQUEST_NULL;
    MODR_MPI(MPI_Isend, message_.data(), narrow_count(std::ssize(message_)), MPI_BYTE, rank, alarm_tag, comm_,
             &request);
    MODR_MPI(MPI_Request_free, &request);
  }
}

void MpiAlarm::receive_what_came(std::vector<KnownRank>& ranks) {
  while (true) {
    int found = 0, size = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    MODR_MPI(MPI_Improbe, MPI_ANY_SOURCE, alarm_tag, comm_, &found, &message, &status);
    if (!found) break;
    MODR_MPI(MPI_Get_count, &status, MPI_BYTE, &size);
    Incoming& incoming = incoming_.emplace_back(
        Incoming{status.MPI_SOURCE, std::vector<std::byte>(static_cast<std::size_t>(size)), MPI_REQUEST_NULL});
    MODR_MPI(MPI_Imrecv, incoming.bytes.data(), size, MPI_BYTE, &message, &incoming.request);
  }
  std::erase_if(incoming_, [&](Incoming& incoming) {
    int is_there = 0;
    MODR_MPI(MPI_Test, &incoming.request, &is_there, MPI_STATUS_IGNORE);
    if (is_there) take(incoming, ranks);
    return is_there != 0;
  });
}

void MpiAlarm::take(const Incoming& incoming, std::vector<KnownRank>& ranks) {
  std::span<const std::byte> message(incoming.bytes);
  const Header header = cut<Header>(message, 1).front();
  raised_at_ = std::min(raised_at_, node_seconds() - header.age);
  for (const auto& report : cut<RankReport>(message, header.num_reports)) take_report(report, incoming.source, ranks);
  ranks.at(static_cast<std::size_t>(incoming.source)).partners = cut<int32_t>(message, header.num_partners);
}

}  // namespace modr
