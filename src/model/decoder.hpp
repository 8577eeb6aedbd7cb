#pragma once
#include <optional>
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
  bool all_logits = false;   // logits of every token instead of each sequence's last
};

struct DecodeResult {
  Tensor logits;  // [sequences, vocab_size] of the last real tokens, or [sequences * seq, vocab_size]
  Tensor state;   // [sequences * seq, n_embd] after the last recurrence
  std::vector<RouteDecision> decisions;
  int64_t steps = 0;                // recurrences taken
  std::vector<double> exit_values;  // of every recurrence, with an exit rule
};

/// The id with the largest of row `row` of logits [rows, vocab_size]; ties go to the lower id.
int32_t most_likely_token(const Tensor& logits, int64_t row);

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
