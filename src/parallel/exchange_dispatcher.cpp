#include "parallel/exchange_dispatcher.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace modr {

namespace {

// What a rank tells another before rows move: whether it has work, how long its sequences are (1 for tokens), and how
// many passes come for each of the other's branches.
class Notice {
 public:
  Notice(const Communicator& comm, int64_t n_branches)
      : size_(static_cast<std::size_t>(2 + (n_branches + comm.size() - 1) / comm.size())),
        words_(size_ * static_cast<std::size_t>(comm.size()), 0) {}

  int64_t& works(int rank) { return at(rank, 0); }
  int64_t& rows_per_unit(int rank) { return at(rank, 1); }
  int64_t& passes(int rank, int64_t branch) { return at(rank, 2 + static_cast<std::size_t>(branch)); }
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
  ExchangePassage(RoutePlanPtr plan, RowSplits splits, Away away, ExchangeGroup group,
                  std::shared_ptr<const int64_t> recurrence)
      : home_(std::move(plan)),
        out_(std::move(splits)),
        back_(out_.turned_round()),
        away_(std::move(away)),
        group_(std::move(group)),
        recurrence_(std::move(recurrence)) {}

  Variable dispatch(const Variable& h) const override { return send_out(home_.dispatch(h), "dispatch"); }
  Variable combine(const Variable& passes, const Variable& gates, ops::Gate gate) const override {
    return home_.combine(bring_back(passes, "combine"), gates, gate);
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
};

Notice notice_of(const RoutePlan& plan, const Communicator& comm, int64_t n_branches, bool works) {
  Notice notice(comm, n_branches);
  for (int rank = 0; rank < comm.size(); ++rank) {
    const Slice range = rank_slice(n_branches, rank, comm.size());
    notice.works(rank) = works ? 1 : 0;
    notice.rows_per_unit(rank) = plan.rows_per_unit;
    for (int64_t j = 0; j < range.count(); ++j) {
      const auto branch = static_cast<std::size_t>(range.begin + j);
      notice.passes(rank, j) = (*plan.pass_offsets)[branch + 1] - (*plan.pass_offsets)[branch];
    }
  }
  return notice;
}

}  // namespace

ExchangeDispatcher::ExchangeDispatcher(const Communicator& comm, int64_t n_branches, Pace pace)
    : group_{comm},
      n_branches_(n_branches),
      pace_(pace),
      works_(std::make_shared<bool>(true)),
      anyone_works_(std::make_shared<bool>(true)),
      recurrence_(std::make_shared<int64_t>(-1)) {}

std::shared_ptr<const Passage> ExchangeDispatcher::open(const RoutePlanPtr& plan) const {
  MODR_CHECK(plan->n_branches == n_branches_, "a plan for {} branches where {} are placed", plan->n_branches,
             n_branches_);
  const Communicator& comm = group_.comm;
  Notice sent = notice_of(*plan, comm, n_branches_, *works_), received = sent;
  received.exchange(comm);
  RowSplits splits;
  std::vector<RowGroup> groups;
  std::vector<int64_t> sequences{0};
  int64_t row = 0;
  *anyone_works_ = false;
  for (int rank = 0; rank < comm.size(); ++rank) {
    if (received.works(rank) != 0) *anyone_works_ = true;
    const Slice theirs = rank_slice(n_branches_, rank, comm.size());
    int64_t passes_out = 0;
    for (int64_t j = 0; j < theirs.count(); ++j) passes_out += sent.passes(rank, j);
    splits.send.push_back(passes_out * plan->rows_per_unit);
    const int64_t before = row, length = received.rows_per_unit(rank);
    for (int64_t j = 0; j < branches().count(); ++j) {
      const int64_t passes = received.passes(rank, j);
      for (int64_t pass = 0; pass < passes; ++pass) sequences.push_back(row + (pass + 1) * length);
      groups.push_back({j, row, row + passes * length});
      row += passes * length;
    }
    splits.receive.push_back(row - before);
  }
  const bool sequences_travel = pace_ == Pace::together && plan->unit == RouteUnit::sequence;
  ExchangePassage::Away away{make_row_groups(groups), sequences_travel ? make_offsets(std::move(sequences)) : nullptr};
  return std::make_shared<ExchangePassage>(plan, std::move(splits), std::move(away), group_, recurrence_);
}

}  // namespace modr
