#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "moe/dispatcher.hpp"
#include "moe/load_balance.hpp"
#include "moe/router.hpp"
#include "support/grad_check.hpp"

namespace modr {
namespace {

using testing::random_leaf;
using testing::random_tensor;

TEST(RoutePlan, SortsPassesByBranchAndKeepsSourceOrder) {
  const RoutePlanPtr plan = make_route_plan({{2, 0, 2, 0, 1}, 1, 4, uniform_offsets(5, 3)});
  EXPECT_EQ(*plan->source, (std::vector<int32_t>{1, 3, 4, 0, 2}));
  EXPECT_EQ(*plan->position, (std::vector<int32_t>{3, 0, 4, 1, 2}));
  EXPECT_EQ(*plan->pass_offsets, (std::vector<int64_t>{0, 2, 3, 5, 5}));
  EXPECT_EQ(*plan->row_groups, (std::vector<RowGroup>{{0, 0, 6}, {1, 6, 9}, {2, 9, 15}}));
  EXPECT_EQ(plan->counts, (std::vector<int64_t>{2, 1, 2, 0}));
  EXPECT_FALSE(plan->is_identity());
  EXPECT_TRUE(single_branch_plan(uniform_offsets(3, 2))->is_identity());
}

TEST(RoutePlan, UnitsMayDifferInLength) {
  const RoutePlanPtr plan = make_route_plan({{1, 0, 1, 0, 0, 2}, 2, 3, make_offsets({0, 3, 4, 6})});
  EXPECT_EQ(*plan->source, (std::vector<int32_t>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(*plan->pass_rows, (std::vector<int64_t>{0, 3, 4, 6, 9, 10, 12}));
  EXPECT_EQ(*plan->row_source, (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(*plan->row_groups, (std::vector<RowGroup>{{0, 0, 6}, {1, 6, 10}, {2, 10, 12}}));
  EXPECT_EQ(plan->rows_of(2), 2);
  EXPECT_EQ(plan->rows_to(1, 3), 6);
  EXPECT_EQ(plan->counts, (std::vector<int64_t>{3, 2, 1}));
  EXPECT_THROW(make_route_plan({{0, 0}, 1, 1, make_offsets({0, 3})}), Error);
  EXPECT_THROW(make_route_plan({{0, 0}, 1, 1, make_offsets({0, 2, 3}), RouteUnit::token}), Error);
}

TEST(RoutePlan, PaddingIsRoutedButNotCounted) {
  const RoutePlanPtr plan = make_route_plan({{1, 1, 0}, 1, 2, uniform_offsets(3, 1), RouteUnit::token, {1, 0, 1}});
  EXPECT_EQ(plan->counts, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(*plan->pass_offsets, (std::vector<int64_t>{0, 1, 3}));
}

TEST(RoutePlan, TopKGivesEveryUnitItsPasses) {
  const RoutePlanPtr plan = make_route_plan({{1, 0, 0, 2}, 2, 3, uniform_offsets(2, 1)});
  EXPECT_EQ(*plan->source, (std::vector<int32_t>{0, 1, 0, 1}));
  EXPECT_EQ(*plan->position, (std::vector<int32_t>{2, 0, 1, 3}));
  EXPECT_THROW(make_route_plan({{3}, 1, 3, uniform_offsets(1, 1)}), Error);
}

// Random routes, and the adversarial ones: all units on the first or on the last branch.
std::vector<int32_t> routes(uint64_t seed, int64_t units, int64_t branches) {
  PhiloxSequence rng(seed, RandomStream::data);
  std::vector<int32_t> choice(static_cast<std::size_t>(units));
  for (int32_t& branch : choice)
    branch = static_cast<int32_t>(seed % 10 == 0   ? 0
                                  : seed % 10 == 1 ? branches - 1
                                                   : int64_t(rng.below(uint64_t(branches))));
  return choice;
}

// All the same, or different ones.
Offsets lengths(uint64_t seed, int64_t units) {
  if (seed % 2 == 0) return uniform_offsets(units, 1 + static_cast<int64_t>(seed % 3));
  PhiloxSequence rng(seed, RandomStream::data, 1);
  std::vector<int64_t> offsets{0};
  for (int64_t unit = 0; unit < units; ++unit)
    offsets.push_back(offsets.back() + 1 + static_cast<int64_t>(rng.below(5)));
  return make_offsets(std::move(offsets));
}

TEST(LocalDispatcher, DispatchThenCombineIsTheIdentityInValueAndGradient) {
  const LocalDispatcher dispatcher;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const int64_t units = int64_t(seed % 7), branches = 1 + int64_t(seed % 5);
    const RoutePlanPtr plan = make_route_plan({routes(seed, units, branches), 1, branches, lengths(seed, units)});
    const Variable h = random_leaf({plan->unit_rows->back(), 3}, seed);
    const Variable gates(Tensor::full({units, 1}, DType::f64, 1));
    const auto passage = dispatcher.open(plan);
    const Variable out = passage->combine(passage->dispatch(h), gates, ops::Gate::raw);
    ASSERT_EQ(out.value().to_vector(), h.value().to_vector());
    if (units == 0) continue;
    const Tensor cotangent = random_tensor(out.shape(), seed + 1);
    backward(out, cotangent.clone());
    ASSERT_EQ(h.grad().to_vector(), cotangent.to_vector());
  }
}

TEST(LocalDispatcher, RelayIsTheIdentityThereAndBack) {
  const LocalDispatcher dispatcher;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const RoutePlanPtr plan = make_route_plan({routes(seed, 9, 4), 1, 4, uniform_offsets(9, 1), RouteUnit::token});
    const auto passage = dispatcher.open(plan);
    const Variable h = random_leaf({9, 2}, seed);
    const Variable away = passage->dispatch(h);
    const Variable home = passage->bring_home(away);
    EXPECT_EQ(home.value().to_vector(), h.value().to_vector());
    EXPECT_EQ(passage->send_back(home).value().to_vector(), away.value().to_vector());
  }
}

BranchConfig config(int64_t branches, int64_t top_k = 1) {
  BranchConfig result;
  result.n_branches = branches;
  result.top_k = top_k;
  return result;
}

TEST(Router, TiesGoToTheLowerIndexAndTheBiasOnlySteersTheChoice) {
  Router router(config(3), 2, DType::f64);  // zero weights: all scores are sigmoid(0) = 0.5
  const Variable h = random_leaf({2, 2}, 1);
  RouteDecision decision = router.decide(h, RouteUnit::sequence, uniform_offsets(2, 1), nullptr);
  EXPECT_EQ(decision.plan->choice, (std::vector<int32_t>{0, 0}));
  router.bias().slice(0, 2, 3).fill(0.25);
  decision = router.decide(h, RouteUnit::sequence, uniform_offsets(2, 1), nullptr);
  EXPECT_EQ(decision.plan->choice, (std::vector<int32_t>{2, 2}));
  EXPECT_EQ(decision.gates.value().to_vector(), (std::vector<double>{0.5, 0.5}));
}

TEST(Router, ASequenceIsRoutedByTheMeanOfItsRealTokens) {
  Router router(config(2), 1, DType::f64);
  router.weight().value().copy_from(Tensor::from<double>(std::vector<double>{1, -1}, {2, 1}, DType::f64));
  const Variable h(Tensor::from<double>(std::vector<double>{1, 2, -90, -3, -1, 80}, {6, 1}, DType::f64));
  const RouteDecision decision = router.decide(h, RouteUnit::sequence, uniform_offsets(2, 3), make_mask({1, 1, 0, 1, 1, 0}));
  EXPECT_EQ(decision.plan->choice, (std::vector<int32_t>{0, 1}));
  EXPECT_NEAR(decision.gates.value().to_vector()[0], 1 / (1 + std::exp(-1.5)), 1e-12);
  EXPECT_THROW(router.decide(h, RouteUnit::sequence, uniform_offsets(2, 3), make_mask({1, 1, 0, 0, 0, 0})), Error);
}

TEST(Router, EachOfSeveralSequencesInARowHasItsOwnMean) {
  Router router(config(2), 1, DType::f64);
  router.weight().value().copy_from(Tensor::from<double>(std::vector<double>{1, -1}, {2, 1}, DType::f64));
  const Variable h(Tensor::from<double>(std::vector<double>{-3, 1, 2, 3, -1, 80}, {6, 1}, DType::f64));
  const RouteDecision decision = router.decide(h, RouteUnit::sequence, make_offsets({0, 1, 4, 6}), make_mask({1, 1, 1, 1, 1, 0}));
  EXPECT_EQ(decision.plan->choice, (std::vector<int32_t>{1, 0, 1}));
  EXPECT_EQ(decision.plan->counts, (std::vector<int64_t>{1, 2}));
  EXPECT_NEAR(decision.gates.value().to_vector()[1], 1 / (1 + std::exp(-2.0)), 1e-12);
}

TEST(Router, HiddenStatesThatAreNotFiniteGoSomewhere) {
  const Router router(config(2), 1, DType::f64);
  router.weight().value().fill(1);
  // The loss or the logits tell; a rank that stopped here would leave the others waiting.
  const Variable h(Tensor::full({1, 1}, DType::f64, NAN));
  const RouteDecision decision = router.decide(h, RouteUnit::sequence, uniform_offsets(1, 1), nullptr);
  EXPECT_EQ(decision.plan->choice, (std::vector<int32_t>{0}));
}

TEST(LoadBalance, MovesTheBiasTowardsTheMean) {
  const Tensor bias = Tensor::from<double>(std::vector<double>{0, 0.5, -0.5, 0}, {4}, DType::f64);
  const std::vector<int64_t> counts{7, 1, 4, 4};  // mean 4
  EXPECT_EQ(update_branch_bias(bias, counts, 0.25).to_vector(), (std::vector<double>{-0.25, 0.75, -0.5, 0}));
  const std::vector<int64_t> uneven{1, 1, 0, 0};  // mean 0.5
  EXPECT_EQ(update_branch_bias(bias, uneven, 1).to_vector(), (std::vector<double>{-1, -0.5, 0.5, 1}));
}

TEST(LoadBalance, EntropyIsInBits) {
  EXPECT_NEAR(balance_entropy(std::vector<int64_t>{5, 5, 5, 5}), 2, 1e-12);
  EXPECT_EQ(balance_entropy(std::vector<int64_t>{5, 0, 0}), 0);
  EXPECT_EQ(balance_entropy(std::vector<int64_t>{0, 0}), 0);
  EXPECT_NEAR(balance_entropy(std::vector<int64_t>{3, 1}), 2 - 0.75 * std::log2(3), 1e-12);
}

TEST(LoadBalance, MaxLoadIsAgainstTheMean) {
  EXPECT_EQ(max_load(std::vector<int64_t>{5, 5}), 1);
  EXPECT_EQ(max_load(std::vector<int64_t>{0, 8, 0, 0}), 4);
  EXPECT_EQ(max_load(std::vector<int64_t>{0, 0}), 0);
}

TEST(BranchConfig, NamesTheWrongField) {
  const auto message = [](BranchConfig wrong) -> std::string {
    try {
      wrong.validate();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(config(4)), "");
  EXPECT_NE(message(config(4, 5)).find("model.branches.top_k"), std::string::npos);
  BranchConfig token = config(4, 2);
  token.unit = RouteUnit::token;
  EXPECT_NE(message(token).find("1 with unit: token"), std::string::npos);
  BranchConfig target = config(2);
  target.lora_targets = {"attn.q"};
  EXPECT_NE(message(target).find("attn.q"), std::string::npos);
  EXPECT_THROW(parse_route_unit("word"), Error);
}

}  // namespace
}  // namespace modr
