#include "eval/likelihood.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "model/initial_state.hpp"

namespace modr {

namespace {

// A forward pass holds the logits of all its tokens; this many at most (256 MiB in f32).
constexpr int64_t kMaxLogits = int64_t{64} << 20;

int64_t longest(std::span<const Continuation> rows) {
  int64_t length = 0;
  for (const Continuation& row : rows) length = std::max(length, row.length());
  return length;
}

// How many of the first rows go into one forward pass: at least one.
std::size_t rows_that_fit(std::span<const Continuation> rows, int64_t vocab_size) {
  const int64_t row_logits = longest(rows) * vocab_size;
  return static_cast<std::size_t>(std::clamp<int64_t>(kMaxLogits / row_logits, 1, std::ssize(rows)));
}

TokenBatch make_batch(std::span<const Continuation> rows) {
  TokenBatch batch{std::ssize(rows), longest(rows), nullptr, nullptr, nullptr};
  std::vector<int32_t> ids;
  std::vector<uint8_t> mask;
  for (const Continuation& row : rows) {
    ids.insert(ids.end(), row.prompt.begin(), row.prompt.end());
    ids.insert(ids.end(), row.continuation.begin(), row.continuation.end());
    ids.resize(ids.size() + static_cast<std::size_t>(batch.seq - row.length()), ids.back());
    mask.resize(mask.size() + static_cast<std::size_t>(row.length()), 1);
    mask.resize(ids.size(), 0);
  }
  batch.ids = make_indices(std::move(ids));
  batch.mask = make_mask(std::move(mask));
  return batch;
}

// log softmax(logits)[token], computed in double.
template <typename T>
double log_probability(std::span<const T> logits, int32_t token) {
  const auto largest = static_cast<double>(*std::ranges::max_element(logits));
  double sum = 0;
  for (T logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return static_cast<double>(logits[static_cast<std::size_t>(token)]) - largest - std::log(sum);
}

// logits [seq, vocab_size] of one row; position i predicts token i + 1.
double log_likelihood(const Tensor& logits, const Continuation& row) {
  const auto vocab_size = static_cast<std::size_t>(logits.size(1));
  return dispatch_exact(logits.dtype(), [&]<typename T>() {
    double sum = 0;
    for (std::size_t i = 0; i < row.continuation.size(); ++i) {
      const T* at = logits.data<T>() + (row.prompt.size() + i - 1) * vocab_size;
      sum += log_probability(std::span<const T>(at, vocab_size), row.continuation[i]);
    }
    return sum;
  });
}

void count_branches(const RoutePlan& plan, const TokenBatch& batch, std::span<Likelihood> rows) {
  const int64_t units_per_row = plan.units / batch.batch;
  for (std::size_t i = 0; i < plan.choice.size(); ++i) {
    const int64_t unit = static_cast<int64_t>(i) / plan.top_k;
    const bool is_padding = units_per_row > 1 && (*batch.mask)[static_cast<std::size_t>(unit)] == 0;
    if (!is_padding)
      ++rows[static_cast<std::size_t>(unit / units_per_row)].branch_counts[static_cast<std::size_t>(plan.choice[i])];
  }
}

std::vector<Likelihood> score_batch(const ModrModel& model, std::span<const Continuation> rows, int64_t num_steps,
                                    uint64_t seed) {
  const TokenBatch batch = make_batch(rows);
  std::vector<uint64_t> samples;
  for (const Continuation& row : rows) samples.push_back(row.sample);
  const Tensor states = initial_states(model.config(), state_keys(seed, samples, batch.seq), model.dtype());
  const ForwardOutput output = model.forward(batch, Variable(states), {.depth = {num_steps, 0}});
  const Tensor& logits = output.logits.value();
  std::vector<Likelihood> scores(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int64_t begin = static_cast<int64_t>(i) * batch.seq;
    scores[i].log_likelihood = log_likelihood(logits.slice(0, begin, begin + batch.seq), rows[i]);
    if (model.core().router())
      scores[i].branch_counts.resize(static_cast<std::size_t>(model.config().branches.n_branches));
  }
  for (const RouteDecision& decision : output.decisions) count_branches(*decision.plan, batch, scores);
  return scores;
}

}  // namespace

std::vector<Likelihood> score_continuations(const ModrModel& model, std::span<const Continuation> continuations,
                                            int64_t num_steps, uint64_t seed) {
  const NoGrad guard;
  for (const Continuation& row : continuations)
    if (row.prompt.empty() || row.continuation.empty()) fail("an empty text has no likelihood");
  std::vector<Likelihood> scores;
  while (!continuations.empty()) {
    const std::size_t rows = rows_that_fit(continuations, model.config().vocab_size);
    const auto batch = score_batch(model, continuations.first(rows), num_steps, seed);
    scores.insert(scores.end(), batch.begin(), batch.end());
    continuations = continuations.subspan(rows);
  }
  return scores;
}

}  // namespace modr
