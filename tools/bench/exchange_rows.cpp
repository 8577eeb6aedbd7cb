// modr bench exchange, the rows alone: our exchange against MPI's, and exchange and product at the same time.
#include <algorithm>
#include <numeric>
#include <span>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/philox.hpp"
#include "comm/bare_alltoallv.hpp"
#include "ops/matmul.hpp"
#include "parallel/exchange_dispatcher.hpp"
#include "tools/bench/exchange.hpp"

namespace modr::tools {

namespace {

constexpr double ms = 1e3;
constexpr int64_t product_pieces = 8;  // between them MPI gets to move the messages along

Tensor random_rows(int64_t rows, int64_t width, uint64_t seed) {
  const Tensor x = Tensor::empty({rows, width}, DType::f32);
  PhiloxSequence rng(seed, RandomStream::data);
  for (float& value : x.span<float>()) value = static_cast<float>(rng.uniform());
  return x;
}

/// Rows that were routed, each by itself, to one branch a rank.
struct RoutedRows {
  RoutedRows(const Communicator& world, int64_t rows, int64_t width)
      : h(random_rows(rows, width, static_cast<uint64_t>(world.rank()))),
        gates(random_rows(rows, 1, static_cast<uint64_t>(world.rank()))),
        splits{std::vector<int64_t>(static_cast<std::size_t>(world.size()), 0), {}} {
    PhiloxSequence rng(1000 + static_cast<uint64_t>(world.rank()), RandomStream::data);
    RouteChoices choices{{}, 1, world.size(), uniform_offsets(rows, 1), RouteUnit::token, {}};
    for (int64_t row = 0; row < rows; ++row) {
      choices.choice.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(world.size()))));
      ++splits.send[static_cast<std::size_t>(choices.choice.back())];
    }
    plan = make_route_plan(std::move(choices));
    splits.receive = world.all_to_all(std::span<const int64_t>(splits.send));
    packed = LocalPassage(plan).dispatch(h);
    arrived = Tensor::zeros({std::reduce(splits.receive.begin(), splits.receive.end()), width}, DType::f32);
    back = Tensor::zeros({rows, width}, DType::f32);
  }

  Variable h, gates;  // at home
  RowSplits splits;
  RoutePlanPtr plan;
  Variable packed;  // in the order of the branches
  Tensor arrived;   // of the others, for exchanges into memory that is there
  Tensor back;
};

void all_to_all_bare(const BareAllToAllV& bare, const Tensor& from, const Tensor& to, const RowSplits& splits) {
  const int64_t row_bytes = from.size(1) * static_cast<int64_t>(sizeof(float));
  bare({std::as_bytes(from.span<float>()), splits.send, std::as_writable_bytes(to.span<float>()), splits.receive,
        row_bytes});
}

void check_same(const Tensor& ours, const Tensor& bare) {
  MODR_CHECK(std::ranges::equal(ours.span<float>(), bare.span<float>()),
             "our exchange and MPI_Alltoallv do not give the same {} rows", bare.size(0));
}

int64_t rows_of(int64_t kib, const ExchangeBench& options) {
  return std::max<int64_t>(1, kib * 1024 / (options.n_embd * static_cast<int64_t>(sizeof(float))));
}

std::vector<BenchValue> row_of_size(const Communicator& world, const ExchangeBench& options, int64_t kib,
                                    const BareAllToAllV& bare) {
  log("exchange: {} KiB a rank", kib);
  const NoGrad guard;
  const RoutedRows rows(world, rows_of(kib, options), options.n_embd);
  const ExchangeDispatcher dispatcher(world, world.size(), Pace::together);
  const LocalPassage local(rows.plan);
  const auto passage = dispatcher.open(rows.plan);
  const ExchangeGroup group{world};
  const RowSplits home = rows.splits.turned_round();
  const auto bare_trip = [&] {
    all_to_all_bare(bare, rows.packed.value(), rows.arrived, rows.splits);
    all_to_all_bare(bare, rows.arrived, rows.back, home);
  };
  const auto our_trip = [&] {
    return exchange_rows(exchange_rows(rows.packed, rows.splits, group, {"bench out"}), home, group, {"bench home"});
  };
  const auto pack = [&] { return local.combine(local.dispatch(rows.h), rows.gates, ops::Gate::raw); };
  const auto whole = [&] { return passage->combine(passage->dispatch(rows.h), rows.gates, ops::Gate::raw); };
  bare_trip();
  check_same(exchange_rows(rows.packed, rows.splits, group, {"bench out"}).value(), rows.arrived);
  check_same(our_trip().value(), rows.back);
  const BenchTimes times =
      time_in_turn(world, {bare_trip, our_trip, pack, [&] { dispatcher.open(rows.plan); }, whole}, options.pace);
  return {int64_t{world.size()},
          kib,
          ms * median(times[0]),
          ms * median(times[1]),
          median_ratio(times[1], times[0]),
          ms * median(times[2]),
          ms * median(times[3]),
          ms * median(times[4])};
}

/// y = x W, in pieces of rows; `between` is called after each.
template <typename F>
void product(const Tensor& x, const Tensor& w, const Tensor& y, F&& between) {
  const int64_t rows = x.size(0);
  for (int64_t piece = 0; piece < product_pieces; ++piece) {
    const int64_t begin = rows * piece / product_pieces, end = rows * (piece + 1) / product_pieces;
    if (begin < end) ops::matmul({x.slice(0, begin, end)}, {w}, y.slice(0, begin, end));
    between();
  }
}

std::vector<int64_t> floats_of(const std::vector<int64_t>& rows, int64_t width) {
  std::vector<int64_t> floats(rows);
  for (int64_t& count : floats) count *= width;
  return floats;
}

std::vector<BenchValue> overlap_of_size(const Communicator& world, const ExchangeBench& options, int64_t kib) {
  log("overlap: {} KiB a rank", kib);
  const RoutedRows half(world, rows_of(kib, options) / 2 + 1, options.n_embd);
  const Tensor x = half.h.value(), w = random_rows(options.n_embd, 3 * options.n_embd, 1);
  const Tensor y = Tensor::empty({x.size(0), w.size(1)}, DType::f32);
  const std::vector<int64_t> send = floats_of(half.splits.send, options.n_embd);
  const std::vector<int64_t> receive = floats_of(half.splits.receive, options.n_embd);
  const auto start = [&] {
    return world.start_all_to_all_v(std::span<const float>(half.packed.value().span<float>()), send,
                                    half.arrived.span<float>(), receive);
  };
  const auto exchange_alone = [&] { start().wait(); };
  const auto product_alone = [&] { product(x, w, y, [] {}); };
  const auto one_by_one = [&] {
    exchange_alone();
    product_alone();
  };
  const auto together = [&] {
    Pending pending = start();
    product(x, w, y, [&] { pending.done(); });
    pending.wait();
  };
  const BenchTimes times = time_in_turn(world, {exchange_alone, product_alone, one_by_one, together}, options.pace);
  return {int64_t{world.size()},           kib,
          ms * median(times[0]),           ms * median(times[1]),
          ms * median(times[2]),           ms * median(times[3]),
          median_ratio(times[3], times[2])};
}

}  // namespace

BenchTable bench_rows(const Communicator& world, const ExchangeBench& options) {
  BenchTable table{"exchange",
                   "Exchange against MPI_Alltoallv",
                   fmt::format("Rows of {} floats to one branch a rank, drawn at random, and home; median of {}. "
                               "`dispatch + combine` is the exchange with packing; counts go once a decision.",
                               options.n_embd, options.pace.repeats),
                   {{"ranks", "ranks"},
                    {"kib_per_rank", "KiB a rank"},
                    {"bare_ms", "MPI_Alltoallv, ms"},
                    {"exchange_ms", "exchange, ms"},
                    {"ratio", "ratio"},
                    {"packing_ms", "packing, ms"},
                    {"counts_ms", "counts, ms"},
                    {"dispatch_combine_ms", "dispatch + combine, ms"}},
                   {}};
  const BareAllToAllV bare = make_bare_alltoallv();
  for (const int64_t kib : options.sizes_kib) table.rows.push_back(row_of_size(world, options, kib, bare));
  return table;
}

BenchTable bench_overlap(const Communicator& world, const ExchangeBench& options) {
  BenchTable table{"overlap",
                   "Exchange and product at the same time",
                   fmt::format("One half of the rows is exchanged while the other is multiplied, [rows, {0}] x "
                               "[{0}, {1}] in {2} pieces with a look at the messages after each; median of {3}.",
                               options.n_embd, 3 * options.n_embd, product_pieces, options.pace.repeats),
                   {{"ranks", "ranks"},
                    {"kib_per_rank", "KiB a rank"},
                    {"exchange_ms", "exchange, ms"},
                    {"product_ms", "product, ms"},
                    {"sequential_ms", "one after the other, ms"},
                    {"overlapped_ms", "overlapped, ms"},
                    {"ratio", "ratio"}},
                   {}};
  for (const int64_t kib : options.sizes_kib) table.rows.push_back(overlap_of_size(world, options, kib));
  return table;
}

}  // namespace modr::tools
