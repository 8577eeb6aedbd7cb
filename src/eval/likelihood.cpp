#include "eval/likelihood.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/softmax.hpp"
#include "model/decoder.hpp"
#include "model/initial_state.hpp"

namespace modr {

namespace {

// What prompts that are run together may take: of logits in one call (256 MiB in f32), and of cache.
constexpr int64_t most_logits = int64_t{64} << 20;
constexpr std::size_t most_cache_bytes = std::size_t{1} << 30;

double log_probability(const Tensor& logits, int64_t row, int32_t token, const std::string& name) {
  const int64_t vocab_size = logits.size(1);
  const double result = visit_exact_dtype(logits.dtype(), [&]<typename T>() {
    return log_softmax_at(std::span<const T>(logits.data<T>() + row * vocab_size, std::size_t(vocab_size)),
                          static_cast<std::size_t>(token));
  });
  if (!std::isfinite(result)) fail("{}: the logits of a token are not finite: the model's weights or states are not", name);
  return result;
}

// A continuation on its way: its first token is predicted by the prompt, all but its last are taken in.
struct Branch {
  std::size_t prompt, continuation;  // indices
  int64_t sequence;                  // in the cache
};

// Prompts that share forward passes and a cache: first one sequence each, then one a continuation.
class PromptBatch {
 public:
  PromptBatch(const ModrModel& model, std::span<const ContinuedPrompt> prompts, const LikelihoodOptions& options)
      : model_(model), prompts_(prompts), options_(options), results_(prompts.size()), decoder_(model, make_cache()) {}

  std::vector<Likelihoods> run() {
    read_prompts();
    const bool together = decodes_together(model_.config(), options_.cache, options_.num_steps);
    for (auto rest = std::span<const Branch>(branches_); !rest.empty();) {
      const std::size_t some = together ? branches_that_fit(rest) : rest.size();
      const int64_t most = longest(rest.first(some)), at_once = together ? most : 1;
      for (int64_t at = 0; at < most; at += at_once) take_in(rest.first(some), at, at_once);
      rest = rest.subspan(some);
    }
    return std::move(results_);
  }

 private:
  const std::vector<int32_t>& tokens(const Branch& branch) const {
    return prompts_[branch.prompt].continuations[branch.continuation];
  }
  // Tokens that a continuation takes in.
  int64_t length(const Branch& branch) const { return std::ssize(tokens(branch)) - 1; }
  int64_t longest(std::span<const Branch> branches) const {
    int64_t most = 0;
    for (const Branch& branch : branches) most = std::max(most, length(branch));
    return most;
  }

  KvCache make_cache() {
    std::vector<int64_t> capacities;
    for (const ContinuedPrompt& prompt : prompts_) capacities.push_back(std::ssize(prompt.prompt));
    for (std::size_t i = 0; i < prompts_.size(); ++i)
      for (std::size_t j = 0; j < prompts_[i].continuations.size(); ++j) {
        branches_.push_back({i, j, std::ssize(capacities)});
        capacities.push_back(length(branches_.back()));
      }
    return {model_.config(), options_.cache, std::move(capacities), options_.num_steps, model_.type()};
  }

  // Continuations of one call: padded to the longest, their logits fit.
  std::size_t branches_that_fit(std::span<const Branch> branches) const {
    std::size_t some = 1;
    while (some < branches.size() &&
           std::ssize(branches.first(some + 1)) * longest(branches.first(some + 1)) * model_.config().vocab_size <=
               most_logits)
      ++some;
    return some;
  }

  void read_prompts() {
    DecodeCall call;
    std::vector<std::vector<int32_t>> rows;
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      call.sequences.push_back(static_cast<int64_t>(i));
      rows.push_back(prompts_[i].prompt);
      if (model_.core().router())
        results_[i].branch_counts.resize(static_cast<std::size_t>(model_.config().branches.n_branches));
      results_[i].log_likelihood.resize(prompts_[i].continuations.size());
    }
    std::vector<std::size_t> prompt_of(prompts_.size());
    for (std::size_t i = 0; i < prompts_.size(); ++i) prompt_of[i] = i;
    const DecodeResult result = decode(call, rows, prompt_of);
    for (const Branch& branch : branches_) {
      add(branch, result.logits, static_cast<int64_t>(branch.prompt), 0);
      decoder_.cache().fork(static_cast<int64_t>(branch.prompt), branch.sequence);
    }
  }

  // The next `count` tokens of each continuation that has so many before its last, from place `at` on.
  void take_in(std::span<const Branch> branches, int64_t at, int64_t count) {
    DecodeCall call;
    std::vector<std::vector<int32_t>> rows;
    std::vector<std::size_t> prompt_of;
    std::vector<Branch> taken;
    for (const Branch& branch : branches) {
      const int64_t end = std::min(length(branch), at + count);
      if (end <= at) continue;
      taken.push_back(branch);
      call.sequences.push_back(branch.sequence);
      prompt_of.push_back(branch.prompt);
      rows.emplace_back(tokens(branch).begin() + at, tokens(branch).begin() + end);
    }
    if (rows.empty()) return;
    call.last_logits = count;
    call.tokens_are_units = count > 1;
    const DecodeResult result = decode(call, rows, prompt_of);
    int64_t row = 0;
    for (std::size_t i = 0; i < taken.size(); ++i)
      for (std::size_t j = 0; j < rows[i].size(); ++j)
        add(taken[i], result.logits, row++, static_cast<std::size_t>(at) + j + 1);
  }

  void add(const Branch& branch, const Tensor& logits, int64_t row, std::size_t token) {
    const ContinuedPrompt& prompt = prompts_[branch.prompt];
    results_[branch.prompt].log_likelihood[branch.continuation] +=
        log_probability(logits, row, tokens(branch)[token], prompt.name);
  }

  // One call with rows[i] as the new tokens of call.sequences[i], which belongs to prompt prompt_of[i].
  DecodeResult decode(DecodeCall& call, const std::vector<std::vector<int32_t>>& rows,
                      const std::vector<std::size_t>& prompt_of) {
    for (const auto& row : rows) {
      call.counts.push_back(std::ssize(row));
      call.seq = std::max(call.seq, call.counts.back());
    }
    std::vector<int32_t> ids;
    std::vector<StateKey> keys;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ids.insert(ids.end(), rows[i].begin(), rows[i].end());
      ids.resize((i + 1) * static_cast<std::size_t>(call.seq), rows[i].back());
      const int64_t first = decoder_.cache().length(call.sequences[i]);
      for (int64_t j = 0; j < call.seq; ++j)
        keys.push_back({options_.seed, prompts_[prompt_of[i]].sample, static_cast<uint32_t>(first + j)});
    }
    call.ids = make_indices(std::move(ids));
    call.initial_state = initial_states(model_.config(), keys, model_.type());
    call.num_steps = options_.num_steps;
    DecodeResult result = decoder_(call);
    for (const RouteDecision& decision : result.decisions) count_branches(call, *decision.plan, prompt_of);
    return result;
  }

  void count_branches(const DecodeCall& call, const RoutePlan& plan, const std::vector<std::size_t>& prompt_of) {
    for_real_choices(call, plan, [&](std::size_t row, int32_t branch) {
      ++results_[prompt_of[row]].branch_counts[static_cast<std::size_t>(branch)];
    });
  }

  const ModrModel& model_;
  std::span<const ContinuedPrompt> prompts_;
  const LikelihoodOptions& options_;
  std::vector<Branch> branches_;
  std::vector<Likelihoods> results_;
  Decoder decoder_;
};

// How many of the first prompts share a cache: at least one.
std::size_t prompts_that_fit(std::span<const ContinuedPrompt> prompts, std::size_t token_bytes) {
  std::size_t some = 0, tokens = 0;
  for (const ContinuedPrompt& prompt : prompts) {
    tokens += prompt.prompt.size();
    for (const auto& continuation : prompt.continuations) tokens += continuation.size() - 1;
    if (some > 0 && tokens * token_bytes > most_cache_bytes) break;
    ++some;
  }
  return some;
}

}  // namespace

int64_t ContinuedPrompt::positions() const {
  std::size_t most = 1;
  for (const auto& continuation : continuations) most = std::max(most, continuation.size());
  return static_cast<int64_t>(prompt.size() + most - 1);
}

std::vector<Likelihoods> score_continuations(const ModrModel& model, std::span<const ContinuedPrompt> prompts,
                                             const LikelihoodOptions& options) {
  const NoGrad guard;
  for (const ContinuedPrompt& prompt : prompts)
    if (prompt.prompt.empty() || std::ranges::any_of(prompt.continuations, &std::vector<int32_t>::empty))
      fail("{}: an empty text has no likelihood", prompt.name);
  const std::size_t token_bytes = cache_bytes_per_token(model.config(), options.cache, options.num_steps, model.dtype());
  std::vector<Likelihoods> results;
  while (!prompts.empty()) {
    const std::size_t some = prompts_that_fit(prompts, token_bytes);
    auto batch = PromptBatch(model, prompts.first(some), options).run();
    std::ranges::move(batch, std::back_inserter(results));
    prompts = prompts.subspan(some);
  }
  return results;
}

}  // namespace modr
