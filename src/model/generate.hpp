#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/decoder.hpp"
#include "model/initial_state.hpp"

namespace modr {

/// Where the states of new tokens come from, [keys, n_embd].
using StateSource = std::function<Tensor(std::span<const StateKey> keys)>;

/// Self-speculation: words drafted at a time, and recurrences a drafted word.
struct DraftSpec {
  int64_t steps = 4, tokens = 4;
};

/// How text is generated. Decoding is greedy: ties go to the lower id.
struct GenerateOptions {
  int64_t num_steps = 32;         // recurrences a token, at most
  int64_t max_new_tokens = 256;
  std::vector<int32_t> stop_ids;  // generation ends before these
  CacheConfig cache;
  uint64_t seed = 0;              // of the initial states
  std::optional<ExitSpec> exit;   // per-token early exit; prompts then run one after the other
  bool continuous_compute = false;  // a token starts from the last state of the token before it
  std::optional<DraftSpec> draft;   // self-speculation (speculative.hpp); prompts then run one after the other
  StateSource states;             // instead of random ones, for tests; may be empty
};

struct Prompt {
  std::vector<int32_t> tokens;
  uint64_t sample = 0;    // with the seed, the key of its random states: equal keys give equal text in any batch
  std::string name = {};  // for errors; empty: its place among the prompts
};

/// What an error calls prompt `place`.
std::string name_of(const Prompt& prompt, std::size_t place);

struct Generation {
  std::vector<int32_t> tokens;         // without the stop token
  bool stopped = false;                // by a stop token, not by a limit
  std::vector<int64_t> branch_counts;  // [n_branches]: how often each branch was chosen; empty without a router
  std::vector<int64_t> steps;          // recurrences of every forward pass, the prompt's first
};

/// Called after every forward pass with what it computed, for tests and streaming.
using GenerateObserver = std::function<void(const DecodeCall&, const DecodeResult&)>;

/// Continues all prompts, each until a stop token, max_new_tokens or the model's block size. Throws Error for an empty
/// prompt or one that leaves no room within the block size.
std::vector<Generation> generate(const ModrModel& model, std::span<const Prompt> prompts,
                                 const GenerateOptions& options, const GenerateObserver& observer = {});

}  // namespace modr
