// Bytes that an exchange moves between ranks in one forward and backward pass, against the formula in the README:
// with R_t rows whose branch is on another rank at recurrence t, E their width and L layers, a recurrence moves
// R_t E (2) values forward and as many back where whole sequences travel, and R_t E (2 + 4 L) where tokens do
// (dispatch, q k v home and attention's output back at every layer, the state home).
#include <gtest/gtest.h>

#include <numeric>

#include "support/mpi_world.hpp"
#include "support/tiny_model.hpp"
#include "train/shard.hpp"

namespace modr {
namespace {

// Rows of this rank that leave it.
int64_t rows_leaving(const RoutePlan& plan, const Slice& mine) {
  int64_t rows = 0;
  for (std::size_t i = 0; i < plan.choice.size(); ++i)
    if (plan.choice[i] < mine.begin || plan.choice[i] >= mine.end)
      rows += plan.rows_of(static_cast<int64_t>(i) / plan.top_k);
  return rows;
}

struct Traffics {
  int64_t counted, expected;
};

Traffics traffic_of(const BranchConfig& branches, Trainable trainable, const Depth& depth) {
  ModelConfig config = testing::tiny_config(branches.n_branches);
  config.branches = branches;
  const Communicator& world = mpi_world();
  const auto exchange = std::make_shared<ExchangeDispatcher>(world, branches.n_branches, Pace::together);
  ModrModel model(config, DType::f32, trainable, {true, true, true, exchange->branches()});
  model.initialize(3);
  model.core().set_dispatcher(exchange);
  const int64_t seq = 3 + world.rank();  // every rank its own
  const TokenBatch batch = testing::random_batch(5, seq, config.vocab_size, 0, static_cast<uint64_t>(world.rank()));
  const Variable states(testing::random_states(config, 5, seq, static_cast<uint64_t>(world.rank()), DType::f32));
  const ForwardOutput output = model.forward(batch, states, {depth, Recompute::none, nullptr});
  backward(model.loss(output.logits, batch, 1));

  const int64_t steps = depth.num_steps_no_grad + depth.num_steps_with_grad;
  const int64_t layers = config.n_layers_in_recurrent_block;
  const int64_t moves = branches.unit == RouteUnit::token ? 2 + 4 * layers : 2;  // of a row, in units of E values
  int64_t values = 0;
  for (int64_t t = 0; t < steps; ++t) {
    const auto decision = branches.when == RouteWhen::recurrence ? static_cast<std::size_t>(t) : 0;
    const int64_t rows = rows_leaving(*output.decisions[decision].plan, exchange->branches());
    const bool first_with_gradient = t == depth.num_steps_no_grad;
    values += rows * moves;
    if (t >= depth.num_steps_no_grad) values += rows * moves;
    // The first h that gradients reach is a constant while the backbone is frozen: nothing flows back into it.
    if (first_with_gradient && trainable == Trainable::branches) values -= rows;
  }
  return {world.all_reduced(exchange->traffic().bytes),
          world.all_reduced(values) * config.n_embd * static_cast<int64_t>(sizeof(float))};
}

TEST(Traffic, IsWhatTheFormulaSays) {
  for (const auto unit : {RouteUnit::sequence, RouteUnit::token})
    for (const auto when : {RouteWhen::forward, RouteWhen::recurrence})
      for (const auto trainable : {Trainable::branches, Trainable::all})
        for (const int64_t top_k : {1, 2}) {
          if (unit == RouteUnit::token && top_k > 1) continue;
          BranchConfig branches = testing::tiny_config(5).branches;
          branches.unit = unit;
          branches.when = when;
          branches.top_k = top_k;
          const Traffics traffic = traffic_of(branches, trainable, {2, 3});
          EXPECT_EQ(traffic.counted, traffic.expected)
              << name_of(unit) << " " << name_of(when) << " top " << top_k << " train " << name_of(trainable);
          EXPECT_EQ(traffic.counted > 0, mpi_world().size() > 1);
        }
}

}  // namespace
}  // namespace modr
