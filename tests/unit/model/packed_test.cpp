// Documents that share a row, against the same documents alone in rows of their own.
#include <gtest/gtest.h>

#include <cmath>

#include "model/modr_model.hpp"
#include "support/tiny_model.hpp"

namespace modr {
namespace {

using testing::random_states;
using testing::randomize;
using testing::tiny_config;

// Two rows of 9: documents of 4, 1 and 3 tokens and one of padding; documents of 5 and 4.
constexpr int64_t rows = 2, seq = 9, padding_at = 8;
const std::vector<int64_t> boundaries{0, 4, 5, 9, 14, 18};
constexpr std::size_t documents = 5;

// Labels of document `only`, or of all.
TokenBatch packed_batch(int64_t only = -1) {
  TokenBatch batch = testing::random_batch(rows, seq, 13, 0, 5);
  std::vector<int32_t> labels(rows * seq, -100);
  for (std::size_t d = 0; d < documents; ++d)
    for (int64_t at = boundaries[d]; at < boundaries[d + 1]; ++at)
      if ((only < 0 || only == static_cast<int64_t>(d)) && at != padding_at)
        labels[static_cast<std::size_t>(at)] = static_cast<int32_t>(at * 5 % 13);
  std::vector<uint8_t> mask(rows * seq, 1);
  mask[padding_at] = 0;
  batch.labels = make_indices(std::move(labels));
  batch.mask = make_mask(std::move(mask));
  batch.documents = make_offsets(boundaries);
  return batch;
}

template <typename T>
std::shared_ptr<const DeviceArray<T>> part(const std::shared_ptr<const DeviceArray<T>>& whole, std::size_t d) {
  return std::make_shared<const DeviceArray<T>>(
      std::vector<T>(whole->begin() + boundaries[d], whole->begin() + boundaries[d + 1]));
}

TokenBatch alone(const TokenBatch& packed, std::size_t d) {
  return {1, boundaries[d + 1] - boundaries[d], part(packed.ids, d), part(packed.labels, d), part(packed.mask, d)};
}

struct Pass {
  std::vector<RouteDecision> decisions;
  double loss;
  std::vector<std::vector<double>> gradients;
};

Pass run(const ModrModel& model, const TokenBatch& batch, const Tensor& states, Recompute recompute) {
  for (const Parameter& parameter : model.parameters()) parameter.variable.clear_grad();
  const ForwardOptions options{{1, 2}, recompute, nullptr};
  CoreOutput core = model.run_core(model.run_prelude(batch, options), batch, Variable(states), options);
  const Variable loss = model.loss_of_state(core.state, batch, 0.1, recompute);
  Pass pass{std::move(core.decisions), loss.value().item(), {}};
  backward(loss);
  for (const Parameter& parameter : model.parameters())
    pass.gradients.push_back(parameter.variable.grad_or_zeros().to_vector());
  return pass;
}

double largest(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

// Largest difference of a parameter's gradient against the largest value of that gradient, or, where it is next to
// nothing as a difference of large numbers, against a part of the largest of all.
double worst(const std::vector<std::vector<double>>& got, const std::vector<std::vector<double>>& want) {
  double all = 0, worst = 0;
  for (const std::vector<double>& gradient : want) all = std::max(all, largest(gradient));
  for (std::size_t p = 0; p < want.size(); ++p) {
    std::vector<double> difference;
    for (std::size_t i = 0; i < want[p].size(); ++i) difference.push_back(got[p][i] - want[p][i]);
    worst = std::max(worst, largest(difference) / std::max(largest(want[p]), 1e-2 * all));
  }
  return worst;
}

// The choices of document d: of it as one unit, or of each of its tokens.
std::vector<int32_t> choices_of(const RoutePlan& plan, std::size_t d) {
  const bool tokens = plan.unit == RouteUnit::token;
  const auto begin = tokens ? boundaries[d] : static_cast<int64_t>(d);
  const auto end = tokens ? boundaries[d + 1] : begin + 1;
  return {plan.choice.begin() + begin * plan.top_k, plan.choice.begin() + end * plan.top_k};
}

struct Tolerance {
  double loss, gradients;
};

void expect_documents_alone(const ModrModel& model, Recompute recompute, const Tolerance& tolerance,
                            const std::string& which) {
  const Tensor states = random_states(model.config(), rows, seq, 9, model.dtype());
  double loss = 0;
  std::vector<std::vector<int64_t>> counts;
  for (std::size_t d = 0; d < documents; ++d) {
    const TokenBatch batch = packed_batch(static_cast<int64_t>(d));
    const Pass together = run(model, batch, states, recompute);
    const Pass by_itself =
        run(model, alone(batch, d), states.slice(0, boundaries[d], boundaries[d + 1]).clone(), recompute);
    EXPECT_NEAR(together.loss, by_itself.loss, tolerance.loss * by_itself.loss) << which << ", document " << d;
    EXPECT_LE(worst(together.gradients, by_itself.gradients), tolerance.gradients) << which << ", document " << d;
    ASSERT_EQ(together.decisions.size(), by_itself.decisions.size());
    counts.resize(together.decisions.size(), std::vector<int64_t>(3, 0));
    for (std::size_t i = 0; i < together.decisions.size(); ++i) {
      EXPECT_EQ(choices_of(*together.decisions[i].plan, d), by_itself.decisions[i].plan->choice) << which;
      for (std::size_t j = 0; j < 3; ++j) counts[i][j] += by_itself.decisions[i].plan->counts[j];
    }
    loss += by_itself.loss;
  }
  const Pass all = run(model, packed_batch(), states, recompute);
  EXPECT_NEAR(all.loss, loss, tolerance.loss * loss) << which;
  for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_EQ(all.decisions[i].plan->counts, counts[i]) << which;
}

std::vector<BranchConfig> routings() {
  std::vector<BranchConfig> all;
  for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token})
    for (const RouteWhen when : {RouteWhen::forward, RouteWhen::recurrence})
      for (const int64_t top_k : {1, 2}) {
        if (top_k > 1 && unit == RouteUnit::token) continue;
        BranchConfig branches = tiny_config(3).branches;
        branches.unit = unit;
        branches.when = when;
        branches.top_k = top_k;
        all.push_back(branches);
      }
  for (const int64_t count : {0, 1}) all.push_back(tiny_config(count).branches);
  return all;
}

TEST(PackedRows, ADocumentIsTheSameAloneAndBesideOthers) {
  for (const DType dtype : {DType::f64, DType::f32, DType::bf16})
    for (const Recompute recompute : {Recompute::none, Recompute::block, Recompute::recurrence})
      for (const BranchConfig& branches : routings()) {
        if (recompute != Recompute::none && dtype != DType::f64) continue;
        ModelConfig config = tiny_config();
        config.branches = branches;
        ModrModel model(config, dtype);
        randomize(model, 3);
        const Tolerance tolerance = dtype == DType::f64   ? Tolerance{1e-13, 1e-11}
                                    : dtype == DType::f32 ? Tolerance{1e-6, 1e-3}
                                                          : Tolerance{1e-2, 5e-2};
        expect_documents_alone(model, recompute, tolerance,
                               fmt::format("{}, recompute {}, {} branches, unit {}, when {}, top_k {}", name_of(dtype),
                                           static_cast<int>(recompute), branches.n_branches, name_of(branches.unit),
                                           name_of(branches.when), branches.top_k));
      }
}

// Documents of a row go different ways, or the test above would say little.
TEST(PackedRows, DocumentsOfARowTakeDifferentRoutes) {
  ModrModel model(tiny_config(3), DType::f64);
  randomize(model, 3);
  const Tensor states = random_states(model.config(), rows, seq, 9, DType::f64);
  const Pass pass = run(model, packed_batch(), states, Recompute::none);
  const std::vector<int32_t>& choice = pass.decisions[0].plan->choice;
  ASSERT_EQ(choice.size(), documents);
  EXPECT_FALSE(choice[0] == choice[1] && choice[1] == choice[2]);
}

// The row may be longer than the block size, a document may not.
TEST(PackedRows, TheBlockSizeIsADocumentsLimit) {
  ModelConfig config = tiny_config();
  config.block_size = 5;
  const ModrModel model(config, DType::f32);
  EXPECT_NO_THROW(model.run_prelude(packed_batch()));
  TokenBatch batch = packed_batch();
  batch.documents = make_offsets({0, 3, 9, 18});
  EXPECT_THROW(model.run_prelude(batch), Error);
  batch.documents = nullptr;
  EXPECT_THROW(model.run_prelude(batch), Error);
}

}  // namespace
}  // namespace modr
