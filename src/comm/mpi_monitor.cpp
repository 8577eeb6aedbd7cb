#include "comm/mpi_monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "comm/comm_error.hpp"
#include "comm/mpi_check.hpp"

namespace modr {

namespace {

// Seconds between looks for an alarm. Most waits are shorter; one that is not gives its processor away. (Open MPI does so
// at each look where mpirun started more ranks than there are cores; twice a look would be a round of all ranks more.
// MPICH never does.)
constexpr double look_interval = 0.01;
#ifdef OPEN_MPI
constexpr bool mpi_yields = true;
#else
constexpr bool mpi_yields = false;
#endif
constexpr double grace = 2;  // seconds that the others have to answer an alarm

}  // namespace

MpiMonitor::MpiMonitor(MPI_Comm world) : board_(world), alarm_(world) {
  MODR_MPI(MPI_Comm_rank, world, &report_.rank);
  report_.activity_seconds = report_.state_seconds = node_seconds();
}

void MpiMonitor::announce(const Activity& activity) {
  report_.activity = activity;
  report_.activity_seconds = node_seconds();
  board_.publish(report_);
}

void MpiMonitor::start(const Tag& tag) {
  check();
  set_state(RankReport::State::works, tag);
}

void MpiMonitor::advance_all() {
  check();
  std::erase_if(advancing_, [](Advancing* one) { return one->advance(); });
}

void MpiMonitor::wait(const Tag& tag, std::span<const int32_t> partners, const std::function<bool()>& done) {
  advance_all();
  if (done()) return;
  set_state(RankReport::State::waits, tag);
  const double start = node_seconds();
  double next_look = start + look_interval;
  while (!done()) {
    advance_all();
    const double now = node_seconds();
    if (!mpi_yields || now - start > look_interval) std::this_thread::yield();
    if (now < next_look) continue;
    next_look = now + look_interval;
    if (now - start > timeout_ || alarm_.is_raised()) give_up(partners);
  }
  set_state(RankReport::State::works, tag);
}

void MpiMonitor::met(const Tag& tag, const std::vector<int32_t>& members) {
  Meeting& meeting = last_meetings_[tag.group];
  if (meeting.members.empty()) meeting.members = members;
  meeting.tag = tag;
  meeting.at = node_seconds();
}

void MpiMonitor::lose(const std::string& text, int voice) {
  const bool speaks = voice == report_.rank && board_.claim_the_word();
  end(std::make_exception_ptr(CommError(text, speaks)));
  std::rethrow_exception(lost_);
}

void MpiMonitor::abandon(const Tag& tag) {
  if (lost_) return;
  end(std::make_exception_ptr(
      Error(fmt::format("rank {} communicates no more: it gave up {}, while that was under way", report_.rank,
                        describe_place(tag)))));
}

// Others may come after all, and MPI then writes into what is kept here: it is never freed, not even by static
// destructors, which run when MPI has ended and its types can be freed no more.
void MpiMonitor::end(std::exception_ptr reason) {
  static auto& ended = *new std::vector<std::shared_ptr<MpiMonitor>>;
  ended.push_back(shared_from_this());
  lost_ = std::move(reason);
}

void MpiMonitor::give_up(std::span<const int32_t> partners) {
  std::vector<KnownRank> ranks = alarm_.collect(board_, partners, grace);
  add_last_meetings(ranks);
  const auto voice = std::ranges::find(ranks, true, &KnownRank::answers);
  lose(timeout_text(ranks, timeout_), static_cast<int>(voice - ranks.begin()));
}

void MpiMonitor::add_last_meetings(std::vector<KnownRank>& ranks) const {
  const double now = node_seconds();
  for (const auto& [group, meeting] : last_meetings_) {
    for (const int32_t member : meeting.members) {
      KnownRank& rank = ranks[static_cast<std::size_t>(member)];
      if (rank.last_common && rank.last_common_seconds <= now - meeting.at) continue;
      rank.last_common = meeting.tag;
      rank.last_common_seconds = now - meeting.at;
    }
  }
}

void MpiMonitor::set_state(RankReport::State state, const Tag& tag) {
  report_.state = state;
  report_.tag = tag;
  report_.state_seconds = node_seconds();
  board_.publish(report_);
}

}  // namespace modr
