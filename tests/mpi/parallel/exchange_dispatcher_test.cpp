// Rows to branches on other ranks and home again, against a plain twin that gathers everything everywhere.
#include "parallel/exchange_dispatcher.hpp"

#include <gtest/gtest.h>

#include "base/philox.hpp"
#include "support/expect_error.hpp"
#include "support/grad_check.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

constexpr int64_t width = 3;

// One rank's part of a case. Every rank can make every rank's.
struct HomeSide {
  RoutePlanPtr plan;
  Tensor h;  // [rows of units, width]
};

struct Case {
  int64_t n_branches = 0;
  RouteUnit unit = RouteUnit::sequence;
  DType dtype = DType::f64;  // of rows
  std::vector<HomeSide> ranks;
};

// How units choose: freely, all the same branch, never some branches, by turns.
int32_t choose(PhiloxSequence& rng, int64_t kind, int64_t n_branches, int64_t unit) {
  const auto n = static_cast<uint64_t>(n_branches);
  if (kind == 0) return static_cast<int32_t>(n - 1);
  if (kind == 1) return static_cast<int32_t>(rng.below((n + 1) / 2));
  if (kind == 2) return static_cast<int32_t>(unit % n_branches);
  return static_cast<int32_t>(rng.below(n));
}

HomeSide make_home(PhiloxSequence& rng, const Case& made, int64_t top_k, int64_t kind, uint64_t seed) {
  const int64_t units = kind == 3 ? 0 : static_cast<int64_t>(rng.below(7));
  const bool differ = made.unit == RouteUnit::sequence && rng.below(2) == 0;  // in length
  const uint64_t most = made.unit == RouteUnit::token ? 1 : 4;
  std::vector<int64_t> rows{0};
  for (int64_t length = 1 + static_cast<int64_t>(rng.below(most)); std::ssize(rows) <= units;) {
    rows.push_back(rows.back() + length);
    if (differ) length = 1 + static_cast<int64_t>(rng.below(most));
  }
  std::vector<int32_t> choice;
  for (int64_t u = 0; u < units; ++u) {
    const int32_t first = choose(rng, kind, made.n_branches, u);
    for (int64_t k = 0; k < top_k; ++k) choice.push_back(static_cast<int32_t>((first + k) % made.n_branches));
  }
  Tensor h = testing::random_tensor({rows.back(), width}, seed, 1, made.dtype);
  return {make_route_plan({std::move(choice), top_k, made.n_branches, make_offsets(std::move(rows)), made.unit}),
          std::move(h)};
}

Case make_case(uint64_t seed, int ranks) {
  PhiloxSequence rng(seed, RandomStream::data);
  Case made;
  if (seed % 4 == 1) made.dtype = DType::bf16;
  made.n_branches = 1 + static_cast<int64_t>(rng.below(9));
  made.unit = rng.below(2) == 0 ? RouteUnit::sequence : RouteUnit::token;
  const int64_t most = made.unit == RouteUnit::token ? 1 : std::min<int64_t>(made.n_branches, 3);
  const int64_t top_k = 1 + static_cast<int64_t>(rng.below(static_cast<uint64_t>(most)));
  const auto kind = static_cast<int64_t>(rng.below(8));
  for (int r = 0; r < ranks; ++r) {
    const bool empty = rng.below(5) == 0;
    made.ranks.push_back(make_home(rng, made, top_k, empty ? 3 : kind % 3 + (kind > 5 ? 4 : 0),
                                   seed * 100 + static_cast<uint64_t>(r)));
  }
  return made;
}

std::vector<double> row_of(const Tensor& h, int64_t row) { return h.slice(0, row, row + 1).to_vector(); }

void append(std::vector<double>& values, const std::vector<double>& more) {
  values.insert(values.end(), more.begin(), more.end());
}

void append_unit(std::vector<double>& rows, const HomeSide& home, int64_t unit) {
  const int64_t first = (*home.plan->unit_rows)[static_cast<std::size_t>(unit)];
  for (int64_t row = first; row < first + home.plan->rows_of(unit); ++row) append(rows, row_of(home.h, row));
}

// What lies on `rank` after dispatch: of each home in turn, of each branch of this rank in turn, its passes.
std::vector<double> twin_away(const Case& made, int rank, std::vector<RowGroup>& groups,
                              std::vector<int64_t>& sequences) {
  std::vector<double> rows;
  sequences = {0};
  const Slice mine = rank_slice(made.n_branches, rank, std::ssize(made.ranks));
  for (const HomeSide& home : made.ranks)
    for (int64_t branch = mine.begin; branch < mine.end; ++branch) {
      const auto begin = static_cast<int64_t>(rows.size()) / width;
      for (std::size_t i = 0; i < home.plan->choice.size(); ++i) {
        if (home.plan->choice[i] != branch) continue;
        const int64_t unit = static_cast<int64_t>(i) / home.plan->top_k;
        append_unit(rows, home, unit);
        sequences.push_back(sequences.back() + home.plan->rows_of(unit));
      }
      groups.push_back({branch - mine.begin, begin, static_cast<int64_t>(rows.size()) / width});
    }
  return rows;
}

// Rows that leave a rank, from its plan alone.
int64_t rows_leaving(const HomeSide& home, int rank, int64_t n_branches, int64_t ranks) {
  const Slice mine = rank_slice(n_branches, rank, ranks);
  int64_t rows = 0;
  for (std::size_t i = 0; i < home.plan->choice.size(); ++i)
    if (home.plan->choice[i] < mine.begin || home.plan->choice[i] >= mine.end)
      rows += home.plan->rows_of(static_cast<int64_t>(i) / home.plan->top_k);
  return rows;
}

// Passes of a home in branch order, which is attention's order for sequences; for tokens that is the source's.
std::vector<double> twin_attention_order(const Case& made, const HomeSide& home) {
  if (made.unit == RouteUnit::token) return home.h.to_vector();
  std::vector<double> rows;
  for (const int32_t unit : *home.plan->source) append_unit(rows, home, unit);
  return rows;
}

void expect_round_trip(const Case& made, Pace pace, uint64_t seed) {
  const Communicator& world = mpi_world();
  const HomeSide& home = made.ranks[static_cast<std::size_t>(world.rank())];
  const ExchangeDispatcher dispatcher(world, made.n_branches, pace);
  const auto passage = dispatcher.open(home.plan);
  const Variable h(home.h, true);

  const Variable away = passage->dispatch(h);
  std::vector<RowGroup> groups;
  std::vector<int64_t> sequences;
  EXPECT_EQ(away.value().to_vector(), twin_away(made, world.rank(), groups, sequences));
  EXPECT_EQ(*passage->groups(), *make_row_groups(groups));
  const bool sequences_travel = made.unit == RouteUnit::sequence && pace == Pace::together;
  ASSERT_EQ(passage->away_sequences() != nullptr, sequences_travel);
  if (sequences_travel) {
    EXPECT_EQ(*passage->away_sequences(), sequences);
  }

  const Variable at_attention = passage->bring_home(away);
  EXPECT_EQ(at_attention.value().to_vector(), twin_attention_order(made, home));
  const Variable away_again = passage->send_back(at_attention);
  EXPECT_EQ(away_again.value().to_vector(), away.value().to_vector());

  // Gates of 1 / top_k make the sum of a unit's equal passes the unit again.
  const int64_t top_k = home.plan->top_k;
  const Tensor gates = Tensor::full({home.plan->units, top_k}, exact(made.dtype), 1.0 / static_cast<double>(top_k));
  const Variable back = passage->combine(away_again, Variable(gates), ops::Gate::raw);
  const Tensor cotangent = testing::random_tensor(home.h.shape(), seed + 7, 1, made.dtype);
  backward(back, cotangent.clone());
  const std::vector<double> value = back.value().to_vector(), gradient = h.grad_or_zeros().to_vector();
  const std::vector<double> want = home.h.to_vector(), dwant = cotangent.to_vector();
  const double rounding = top_k == 1 ? 0 : made.dtype == DType::bf16 ? 0x1p-7 : 1e-15;
  ASSERT_EQ(value.size(), want.size());
  ASSERT_EQ(gradient.size(), dwant.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(value[i], want[i], rounding * std::abs(want[i]));
    EXPECT_NEAR(gradient[i], dwant[i], rounding * std::abs(dwant[i]));
  }

  // Out, home, out and home again, and the four gradients: a rank's own rows leave, and those of others leave it.
  int64_t leaving = rows_leaving(home, world.rank(), made.n_branches, world.size());
  const int64_t arrived = away.size(0) - (home.plan->pass_rows->back() - leaving);
  EXPECT_EQ(dispatcher.traffic().bytes, (leaving + arrived) * 4 * width * static_cast<int64_t>(size_of(made.dtype)));
  EXPECT_EQ(dispatcher.traffic().exchanges, 8);
}

TEST(ExchangeDispatcher, DispatchThenCombineIsTheIdentityForAThousandRoutes) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const Case made = make_case(seed, mpi_world().size());
    expect_round_trip(made, seed % 3 == 0 ? Pace::own : Pace::together, seed);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "seed " << seed << ", rank " << mpi_world().rank();
      break;
    }
  }
}

RoutePlanPtr tokens(int64_t count) {
  return make_route_plan(
      {std::vector<int32_t>(static_cast<std::size_t>(count), 3), 1, 4, uniform_offsets(count, 1), RouteUnit::token});
}

// All of a recurrence without layers.
void go_and_return(const Passage& passage, int64_t rows) {
  const NoGrad guard;
  const Variable away = passage.dispatch(Variable(Tensor::full({rows, width}, DType::f64, 1)));
  passage.combine(away, Variable(Tensor::full({rows, 1}, DType::f64, 1)), ops::Gate::raw);
}

void meet(const ExchangeDispatcher& dispatcher, int64_t rows) { go_and_return(*dispatcher.open(tokens(rows)), rows); }

TEST(ExchangeDispatcher, KnowsWhenNobodyHasWorkLeft) {
  const Communicator& world = mpi_world();
  const ExchangeDispatcher dispatcher(world, 4, Pace::own);
  for (int leaver = 0; leaver < world.size(); ++leaver) {
    meet(dispatcher, 0);
    EXPECT_EQ(dispatcher.attendance().duty(), world.rank() < leaver ? Duty::serving : Duty::working);
    if (world.rank() == leaver) dispatcher.leave();
  }
  meet(dispatcher, 0);
  EXPECT_EQ(dispatcher.attendance().duty(), Duty::closed);
}

// Nothing of a wrong order reaches the other ranks: each meets the rest as if it had not been tried.
TEST(ExchangeDispatcher, AWrongOrderIsAnErrorBeforeAnythingMoves) {
  const Communicator& world = mpi_world();
  const ExchangeDispatcher dispatcher(world, 4, Pace::own);
  {
    const auto passage = dispatcher.open(tokens(2));
    EXPECT_FALSE(dispatcher.attendance().can_leave());
    expect_error([&] { dispatcher.leave(); }, {"a rank leaves in the middle of a meeting"});
    expect_error([&] { dispatcher.open(tokens(1)); }, {"before those of the one before are home"});
    go_and_return(*passage, 2);
    EXPECT_TRUE(dispatcher.attendance().can_leave());
  }
  if (world.rank() == 0) {
    dispatcher.leave();
    expect_error([&] { dispatcher.leave(); }, {"a rank leaves that is serving"});
    expect_error([&] { dispatcher.open(tokens(3)); }, {"a rank that has left brings 3 rows"});
  }
  meet(dispatcher, world.rank() == 0 ? 0 : 3);
  if (world.rank() != 0) dispatcher.leave();
  if (dispatcher.attendance().duty() == Duty::serving) meet(dispatcher, 0);
  EXPECT_EQ(dispatcher.attendance().duty(), Duty::closed);
  expect_error([&] { dispatcher.open(tokens(0)); }, {"a meeting with 0 rows after the last one"});
  expect_error([&] { dispatcher.leave(); }, {"a rank leaves that is closed"});
  expect_error([&] { ExchangeDispatcher(world, 4, Pace::together).leave(); }, {"run the same passes together"});
}

}  // namespace
}  // namespace modr
