#include <fmt/format.h>

#include "base/error.hpp"
#include "tools/verify/decoding.hpp"
#include "tools/verify/parts.hpp"

namespace modr::tools {

namespace {

// The states of a run: a group named "zero" may leave them out.
StatesOfCalls states_of(const GoldenFile& golden, const ModrModel& model, const std::string& group) {
  const std::string prefill = group + "/input_states_prefill";
  if (group.ends_with("/zero") && !golden.has(prefill)) return {golden, model, "", ""};
  return {golden, model, prefill, group + "/input_states_decode"};
}

int64_t recurrences(const GoldenFile& golden, const std::string& group) {
  if (golden.file().has_attribute(group, "num_steps")) return golden.file().attribute_int(group, "num_steps");
  return golden.depth().num_steps_no_grad + golden.depth().num_steps_with_grad;
}

void compute_generation_routes(const std::string& group, const DecodingRecord& recorded, const Tolerances& allowed,
                               Computed& computed) {
  for (std::size_t call = 0; call < recorded.decisions.size(); ++call)
    for (std::size_t t = 0; t < recorded.decisions[call].size(); ++t) {
      const RouteDecision& decision = recorded.decisions[call][t];
      const std::string at = fmt::format("{}/route/{}/{}/", group, call, t + 1);
      computed.exact(at + "choice", decision.plan->choice);
      computed.relative(at + "score", decision.gates.value(), allowed.logits);
      computed.relative(at + "all_scores", decision.scores, allowed.logits);
    }
}

void compute_run(const GoldenFile& golden, const ModrModel& model, const std::string& group, const Tolerances& allowed,
                 Computed& computed) {
  const H5File& file = golden.file();
  const Prompt prompt{golden.ids(group + "/prompt")->values(), 0};
  const int64_t words = file.dataset_shape(group + "/logits_f64").numel() / model.config().vocab_size;
  StatesOfCalls states = states_of(golden, model, group);
  GenerateOptions options;
  options.num_steps = recurrences(golden, group);
  options.max_new_tokens = words;
  options.states = [&](std::span<const StateKey> keys) { return states.next(static_cast<int64_t>(keys.size())); };
  DecodingRecord recorded;
  std::vector<int32_t> generated = generate(model, {&prompt, 1}, options, recorded.observer()).front().tokens;
  // Some files list the prompt in front of what was generated.
  const std::string ids = group + "/generated_ids";
  if (file.dataset_shape(ids).numel() == words + static_cast<int64_t>(prompt.tokens.size()))
    generated.insert(generated.begin(), prompt.tokens.begin(), prompt.tokens.end());
  computed.exact(ids, generated);
  computed.relative(group + "/logits_f64", recorded.logits, allowed.logits);
  // Huginn's files may lack these: the README promises them of none, and those with branches have them.
  if (const std::string name = group + "/logits_f32"; golden.has_branches() || golden.has(name))
    computed.relative(name, recorded.logits, allowed.logits_f32);
  if (model.core().router()) compute_generation_routes(group, recorded, allowed, computed);
}

void compute_prefill(const GoldenFile& golden, const ModrModel& model, const std::string& group,
                     const Tolerances& allowed, Computed& computed) {
  const std::string name = group + "/prefill_logits_f64";
  if (!golden.has_branches() && !golden.has(name)) return;
  const Indices prompt = golden.ids(group + "/prompt");
  const auto tokens = static_cast<int64_t>(prompt->size());
  DecodeCall call;
  call.sequences = {0};
  call.counts = {tokens};
  call.seq = tokens;
  call.ids = prompt;
  call.num_steps = recurrences(golden, group);
  call.last_logits = tokens;
  call.initial_state = states_of(golden, model, group).next(tokens);
  Decoder decoder(model, KvCache(model.config(), {}, 1, tokens, call.num_steps, model.type()));
  computed.relative(name, decoder(call).logits, allowed.logits);
}

}  // namespace

void compute_generation(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed,
                        Computed& computed) {
  const std::vector<std::string> runs = golden.file().children("generation");
  if (runs.empty()) computed.empty_group("generation");
  if (is_of_cache_policy(golden) && !golden.has("chunks")) computed.empty_group("chunks");
  for (const std::string& run : runs) {
    if (is_of_cache_policy(golden)) {
      compute_run_of_many_depths(golden, model, "generation/" + run, allowed, computed);
      continue;
    }
    compute_run(golden, model, "generation/" + run, allowed, computed);
    compute_prefill(golden, model, "generation/" + run, allowed, computed);
  }
}

}  // namespace modr::tools
