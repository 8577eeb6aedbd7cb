#include "parallel/exchange_dispatcher.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/integer.hpp"

namespace modr {

namespace {

// What a rank tells another before rows move: whether it has work, how many rows its units have (1 for tokens; 0 where
// they differ, which is told afterwards), and how many passes come for each of the other's branches.
class Notice {
 public:
  Notice(const Communicator& comm, int64_t n_branches)
      : size_(static_cast<std::size_t>(2 + ceil_div<int64_t>(n_branches, comm.size()))),
        words_(size_ * static_cast<std::size_t>(comm.size()), 0) {}

  int64_t& works(int rank) { return at(rank, 0); }
  int64_t& length(int rank) { return at(rank, 1); }
  int64_t& passes(int rank, int64_t branch) { return at(rank, 2 + static_cast<std::size_t>(branch)); }
  int64_t all_passes(int rank) {
    int64_t* const first = &passes(rank, 0);
    return std::reduce(first, first + size_ - 2);
  }
  void exchange(const Communicator& comm) { words_ = comm.all_to_all(std::span<const int64_t>(words_)); }

 private:
  int64_t& at(int rank, std::size_t word) { return words_[static_cast<std::size_t>(rank) * size_ + word]; }

  std::size_t size_;
  std::vector<int64_t> words_;
};

/// The home half is LocalPassage's: it puts rows into the order of branches, and so of ranks. What is left is to send
/// them there.
class ExchangePassage final : public Passage {
 public:
  struct Away {
    RowGroups groups;
    Offsets sequences;
  };
  // `meeting` is that of this passage; null with Pace::together.
  ExchangePassage(RoutePlanPtr plan, RowSplits splits, Away away, ExchangeGroup group,
                  std::shared_ptr<const int64_t> recurrence, std::shared_ptr<Attendance> meeting)
      : home_(std::move(plan)),
        out_(std::move(splits)),
        back_(out_.turned_round()),
        away_(std::move(away)),
        group_(std::move(group)),
        recurrence_(std::move(recurrence)),
        meeting_(std::move(meeting)) {}

  Variable dispatch(const Variable& h) const override { return send_out(home_.dispatch(h), "dispatch"); }
  Variable combine(const Variable& passes, const Variable& gates, ops::Gate gate) const override {
    const Variable back = bring_back(passes, "combine");
    if (meeting_) meeting_->end_meeting();
    return home_.combine(back, gates, gate);
  }
  Variable bring_home(const Variable& qkv) const override { return home_.bring_home(bring_back(qkv, "relay home")); }
  Variable send_back(const Variable& attended) const override {
    return send_out(home_.send_back(attended), "relay back");
  }
  const RowGroups& groups() const override { return away_.groups; }
  const Offsets& away_sequences() const override { return away_.sequences; }

 private:
  Variable send_out(const Variable& x, std::string_view phase) const {
    return exchange_rows(x, out_, group_, {phase, *recurrence_});
  }
  Variable bring_back(const Variable& x, std::string_view phase) const {
    return exchange_rows(x, back_, group_, {phase, *recurrence_});
  }

  LocalPassage home_;
  RowSplits out_, back_;
  Away away_;
  ExchangeGroup group_;
  std::shared_ptr<const int64_t> recurrence_;
  std::shared_ptr<Attendance> meeting_;
};

// The rows of every unit; 0 where they differ.
int64_t common_length(const RoutePlan& plan) {
  for (int64_t unit = 1; unit < plan.units; ++unit)
    if (plan.rows_of(unit) != plan.rows_of(0)) return 0;
  return plan.units > 0 ? plan.rows_of(0) : 1;
}

Notice notice_of(const RoutePlan& plan, const Communicator& comm, int64_t n_branches, bool works) {
  Notice notice(comm, n_branches);
  const int64_t length = common_length(plan);
  for (int rank = 0; rank < comm.size(); ++rank) {
    const Slice range = rank_slice(n_branches, rank, comm.size());
    notice.works(rank) = works ? 1 : 0;
    notice.length(rank) = length;
    for (int64_t j = 0; j < range.count(); ++j) {
      const auto branch = static_cast<std::size_t>(range.begin + j);
      notice.passes(rank, j) = (*plan.pass_offsets)[branch + 1] - (*plan.pass_offsets)[branch];
    }
  }
  return notice;
}

// The rows of every pass that will come, in order. Every rank hears whether some rank's units differ.
std::vector<int64_t> lengths_to_come(const RoutePlan& plan, const Communicator& comm, Notice& sent, Notice& received) {
  std::vector<int64_t> lengths, send_counts, receive_counts;
  bool differ = false;
  for (int rank = 0; rank < comm.size(); ++rank) {
    differ = differ || received.length(rank) == 0;
    send_counts.push_back(sent.all_passes(rank));
    receive_counts.push_back(received.all_passes(rank));
    lengths.resize(lengths.size() + static_cast<std::size_t>(receive_counts.back()), received.length(rank));
  }
  if (!differ) return lengths;
  std::vector<int64_t> own(static_cast<std::size_t>(plan.passes()));
  for (std::size_t pass = 0; pass < own.size(); ++pass) own[pass] = plan.rows_of((*plan.source)[pass]);
  comm.all_to_all_v(std::span<const int64_t>(own), send_counts, std::span(lengths), receive_counts);
  return lengths;
}

}  // namespace

ExchangeDispatcher::ExchangeDispatcher(const Communicator& comm, int64_t n_branches, Pace pace)
    : group_{comm},
      n_branches_(n_branches),
      pace_(pace),
      attendance_(std::make_shared<Attendance>()),
      recurrence_(std::make_shared<int64_t>(-1)) {}

void ExchangeDispatcher::leave() const {
  MODR_CHECK(pace_ == Pace::own, "a rank leaves those that run the same passes {}", "together");
  attendance_->leave();
}

std::shared_ptr<const Passage> ExchangeDispatcher::open(const RoutePlanPtr& plan) const {
  MODR_CHECK(plan->n_branches == n_branches_, "a plan for {} branches where {} are placed", plan->n_branches,
             n_branches_);
  const Communicator& comm = group_.comm;
  const std::shared_ptr<Attendance> meeting = pace_ == Pace::own ? attendance_ : nullptr;
  if (meeting) meeting->begin_meeting(plan->unit_rows->back());
  const bool works = attendance_->duty() == Duty::working;
  Notice sent = notice_of(*plan, comm, n_branches_, works), received = sent;
  received.exchange(comm);
  const std::vector<int64_t> lengths = lengths_to_come(*plan, comm, sent, received);
  RowSplits splits;
  std::vector<RowGroup> groups;
  std::vector<int64_t> sequences{0};
  auto next = lengths.begin();
  bool anyone_works = false;
  for (int rank = 0; rank < comm.size(); ++rank) {
    anyone_works = anyone_works || received.works(rank) != 0;
    const Slice theirs = rank_slice(n_branches_, rank, comm.size());
    splits.send.push_back(plan->rows_to(theirs.begin, theirs.end));
    const int64_t before = sequences.back();
    for (int64_t j = 0; j < branches().count(); ++j) {
      const int64_t first = sequences.back();
      for (int64_t pass = 0; pass < received.passes(rank, j); ++pass) sequences.push_back(sequences.back() + *next++);
      groups.push_back({j, first, sequences.back()});
    }
    splits.receive.push_back(sequences.back() - before);
  }
  if (meeting) meeting->hear(anyone_works);
  const bool sequences_travel = pace_ == Pace::together && plan->unit == RouteUnit::sequence;
  ExchangePassage::Away away{make_row_groups(groups), sequences_travel ? make_offsets(std::move(sequences)) : nullptr};
  return std::make_shared<ExchangePassage>(plan, std::move(splits), std::move(away), group_, recurrence_, meeting);
}

}  // namespace modr
