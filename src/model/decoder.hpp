#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/exit_rule.hpp"
#include "model/kv_cache.hpp"
#include "model/modr_model.hpp"

namespace modr {

/// New tokens for some of a decoder's sequences: sequence i brings counts[i] <= seq tokens, the rest of its row is
/// padding.
struct DecodeCall {
  std::vector<int64_t> sequences;  // indices into the cache
  std::vector<int64_t> counts;
  int64_t seq = 0;        // tokens a row
  Indices ids;            // [sequences, seq]
  Tensor initial_state;   // [sequences * seq, n_embd]
  int64_t num_steps = 0;  // recurrences, at most
  ExitRule* exit = nullptr;  // stops earlier when it says so; for calls of one sequence
  int64_t last_logits = 1;   // of each sequence, the last so many real tokens get logits
  bool tokens_are_units = false;  // every token is routed by itself, as decoding routes a new one; top_k is 1 then
};

struct DecodeResult {
  Tensor logits;  // [rows, vocab_size]: each sequence's last min(counts[i], last_logits) tokens, one after the other
  Tensor state;   // [sequences * seq, n_embd] after the last recurrence
  std::vector<RouteDecision> decisions;
  int64_t steps = 0;                // recurrences taken
  std::vector<double> exit_values;  // of every recurrence, with an exit rule
};

/// The ids with the largest of every row of logits [rows, vocab_size]; ties go to the lower id. Throws Error naming
/// sequence_of(row) where one of a row's is NaN, or its largest is infinite.
std::vector<int32_t> most_likely_tokens(const Tensor& logits, const std::function<std::string(int64_t)>& sequence_of);

/// Calls f(row, branch) for every choice that a decision made for what is not padding, `row` being the sequence's place
/// in the call.
template <typename F>
void for_real_choices(const DecodeCall& call, const RoutePlan& plan, F f) {
  const int64_t units_per_row = plan.unit == RouteUnit::token ? call.seq : 1;
  for (std::size_t i = 0; i < plan.choice.size(); ++i) {
    const int64_t unit = static_cast<int64_t>(i) / plan.top_k;
    const auto row = static_cast<std::size_t>(unit / units_per_row);
    if (unit % units_per_row < call.counts[row]) f(row, plan.choice[i]);
  }
}

/// Whether several new tokens in one call get what they would get one after the other, so that a continuation that is
/// known can be taken in at once: no token before them shows another recurrence than theirs, and each has one branch.
bool decodes_together(const ModelConfig& model, const CacheConfig& cache, int64_t num_steps);

/// Runs a model token by token over a key-value cache, without gradient.
class Decoder {
 public:
  Decoder(const ModrModel& model, KvCache cache) : model_(model), cache_(std::move(cache)) {}
  DecodeResult operator()(const DecodeCall& call);
  KvCache& cache() { return cache_; }

 private:
  Variable features(const Variable& state, const Indices& positions, int64_t seq);

  const ModrModel& model_;
  KvCache cache_;
};

}  // namespace modr
