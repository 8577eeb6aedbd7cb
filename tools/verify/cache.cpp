// Decoding over the caches of upstream's HuginnDynamicCache (shared/upstream/README.md, section 2).
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/error.hpp"
#include "tools/verify/decoding.hpp"
#include "tools/verify/parts.hpp"

namespace modr::tools {

namespace {

// Calls of one sequence, each with its own number of recurrences.
class CachedRun {
 public:
  CachedRun(const GoldenFile& golden, const ModrModel& model, std::vector<int32_t> steps, int64_t tokens)
      : model_(model), steps_(std::move(steps)), decoder_(model, make_cache(golden, model, steps_, tokens)) {}

  // The next call's tokens; logits of all of them.
  Tensor operator()(const std::vector<int32_t>& ids, Tensor states) {
    DecodeCall call;
    call.sequences = {0};
    call.seq = call.last_logits = std::ssize(ids);
    call.counts = {call.seq};
    call.ids = make_indices(ids);
    call.initial_state = std::move(states);
    call.num_steps = steps_.at(next_++);
    return decoder_(call).logits;
  }

 private:
  static KvCache make_cache(const GoldenFile& golden, const ModrModel& model, const std::vector<int32_t>& steps,
                            int64_t tokens) {
    int64_t most = 0;
    for (int32_t one : steps) most = std::max<int64_t>(most, one);
    return {model.config(), parse_cache_config(golden.file().attribute_string("", "lookup_strategy")), 1, tokens, most,
            model.type()};
  }

  const ModrModel& model_;
  std::vector<int32_t> steps_;
  std::size_t next_ = 0;
  Decoder decoder_;
};

// Where upstream raises, so must we; `run` fills `logits` until it throws.
template <typename Run>
void compute_or_raise(const GoldenFile& golden, const std::string& group, const Tolerances& allowed,
                      Computed& computed, Run run) {
  std::vector<double> logits;
  if (!golden.file().has_attribute(group, "upstream_raises")) {
    run(logits);
    computed.relative(group + "/logits_f64", logits, allowed.logits);
    computed.relative(group + "/logits_f32", logits, allowed.logits_f32);
    return;
  }
  try {
    run(logits);
  } catch (const Error& error) {
    if (!std::string_view(error.what()).starts_with("KV cache")) throw;
    return computed.verdict(group, true, fmt::format("as upstream, an error: {}", error.what()));
  }
  computed.verdict(group, false, "upstream raises here, and nothing did");
}

}  // namespace

bool is_of_cache_policy(const GoldenFile& golden) { return golden.file().has_attribute("", "lookup_strategy"); }

void compute_run_of_many_depths(const GoldenFile& golden, const ModrModel& model, const std::string& group,
                                const Tolerances& allowed, Computed& computed) {
  const std::vector<int32_t> prompt = golden.ids(group + "/prompt")->values(),
                             steps = golden.ids(group + "/num_steps")->values();
  StatesOfCalls states(golden, model, group + "/input_states_prefill", group + "/input_states_decode");
  std::vector<int32_t> words;
  compute_or_raise(golden, group, allowed, computed, [&](std::vector<double>& logits) {
    CachedRun run(golden, model, steps, std::ssize(prompt) + std::ssize(steps) - 1);
    std::vector<int32_t> next = prompt;
    for (std::size_t call = 0; call < steps.size(); ++call) {
      const Tensor all = run(next, states.next(std::ssize(next)));
      const Tensor last = all.slice(0, all.size(0) - 1, all.size(0));
      append(logits, last);
      next = most_likely_tokens(last, [&](int64_t) { return group; });
      words.push_back(next.front());
    }
    computed.exact(group + "/generated_ids", words);
  });
}

void compute_chunks(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed, Computed& computed) {
  if (!golden.has("generation")) computed.empty_group("generation");
  const std::vector<int32_t> ids = golden.ids("chunks/input_ids")->values(),
                             tokens = golden.ids("chunks/call_tokens")->values(),
                             steps = golden.ids("chunks/call_steps")->values();
  const Tensor states = golden.tensor("chunks/input_states", model.type()).view({-1, model.config().n_embd});
  if (tokens.size() != steps.size() || states.size(0) != std::ssize(ids))
    fail("chunks: expected as many call_tokens as call_steps and a state a token, found {}, {}, {} and {} tokens",
         tokens.size(), steps.size(), states.size(0), ids.size());
  compute_or_raise(golden, "chunks", allowed, computed, [&](std::vector<double>& logits) {
    CachedRun run(golden, model, steps, std::ssize(ids));
    int64_t first = 0;
    for (int32_t count : tokens) {
      if (count < 1 || count > std::ssize(ids) - first)
        fail("chunks/call_tokens: expected 1 to {} tokens from {} on, found {}", std::ssize(ids) - first, first, count);
      append(logits, run({ids.begin() + first, ids.begin() + first + count},
                         states.slice(0, first, first + count).clone()));
      first += count;
    }
  });
}

}  // namespace modr::tools
