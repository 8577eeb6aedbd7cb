#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tools/verify/decoding.hpp"
#include "tools/verify/parts.hpp"

namespace modr::tools {

namespace {

// exit_values [calls, max_steps]: NaN behind the last recurrence of a call; zeros where there is no criterion.
std::vector<double> padded_exit_values(const DecodingRecord& recorded, const std::vector<int64_t>& steps,
                                       int64_t max_steps) {
  std::vector<double> padded;
  for (std::size_t call = 0; call < steps.size(); ++call) {
    std::vector<double> row = recorded.exit_values[call];
    if (row.empty()) row.resize(static_cast<std::size_t>(steps[call]), 0);
    row.resize(static_cast<std::size_t>(max_steps), std::numeric_limits<double>::quiet_NaN());
    padded.insert(padded.end(), row.begin(), row.end());
  }
  return padded;
}

// One run adaptive/<criterion>/<lookup>/<initial state>.
void compute_run(const GoldenFile& golden, const ModrModel& model, const std::string& group, const Tolerances& allowed,
                 Computed& computed) {
  const H5File& file = golden.file();
  const Prompt prompt{golden.ids("prompt")->values(), 0};
  const bool random = file.attribute_string(group, "init_state") == "random";
  StatesOfCalls states(golden, model, random ? "random_states/prefill" : "", "random_states/decode");
  GenerateOptions options;
  options.num_steps = file.attribute_int(group, "max_steps");
  options.max_new_tokens = file.dataset_shape(group + "/steps").numel();
  const std::string criterion = file.attribute_string(group, "criterion");
  if (criterion != "none")
    options.exit = ExitSpec{parse_exit_criterion(criterion), file.attribute_double(group, "exit_threshold")};
  options.cache = parse_cache_config(file.attribute_string(group, "lookup_strategy"));
  options.states = [&](std::span<const StateKey> keys) { return states.next(static_cast<int64_t>(keys.size())); };
  DecodingRecord recorded;
  const Generation generation = std::move(generate(model, {&prompt, 1}, options, recorded.observer()).front());
  std::vector<int32_t> words = prompt.tokens;
  words.insert(words.end(), generation.tokens.begin(), generation.tokens.end());
  computed.exact(group + "/output_ids", words);
  computed.exact(group + "/steps", generation.steps);
  computed.relative_or_nan(group + "/exit_values", padded_exit_values(recorded, generation.steps, options.num_steps),
                           allowed.gradients);
  computed.relative(group + "/latent_at_exit", recorded.latents, allowed.logits);
  // The reference rounds these logits to float32 before it picks a word.
  computed.relative(group + "/next_token_logits", recorded.logits, std::max(allowed.logits, 1e-7));
}

// forward_adaptive/<criterion>: given words, token by token, each from a zero state.
void compute_given(const GoldenFile& golden, const ModrModel& model, const std::string& group,
                   const Tolerances& allowed, Computed& computed) {
  const H5File& file = golden.file();
  const std::vector<int32_t> ids = golden.ids("forward_adaptive/input_ids")->values();
  ExitRule rule(parse_exit_criterion(file.attribute_string(group, "criterion")),
                file.attribute_double(group, "exit_threshold"));
  const int64_t max_steps = file.attribute_int(group, "max_steps"), n_embd = model.config().n_embd;
  Decoder decoder(model, KvCache(model.config(), {}, 1, static_cast<int64_t>(ids.size()), max_steps, model.type()));
  DecodingRecord recorded;
  std::vector<int64_t> steps;
  for (int32_t id : ids) {
    DecodeCall call;
    call.sequences = {0};
    call.counts = {1};
    call.seq = 1;
    call.ids = make_indices({id});
    call.initial_state = Tensor::zeros({1, n_embd}, model.type());
    call.num_steps = max_steps;
    call.exit = &rule;
    const DecodeResult result = decoder(call);
    recorded.add(call, result);
    steps.push_back(result.steps);
  }
  computed.exact(group + "/compute_steps", steps);
  computed.relative_or_nan(group + "/exit_values", padded_exit_values(recorded, steps, max_steps), allowed.gradients);
  computed.relative(group + "/logits_f64", recorded.logits, allowed.logits);
}

// The groups below `group`; that there is none is noted.
std::vector<std::string> groups_below(const GoldenFile& golden, const std::string& group, Computed& computed) {
  std::vector<std::string> groups;
  if (golden.has(group))
    for (const std::string& child : golden.file().children(group))
      if (!golden.file().is_dataset(group + "/" + child)) groups.push_back(group + "/" + child);
  if (groups.empty()) computed.empty_group(group);
  return groups;
}

}  // namespace

void compute_adaptive(const GoldenFile& golden, const ModrModel& model, const Tolerances& allowed, Computed& computed) {
  for (const std::string& criterion : groups_below(golden, "adaptive", computed))
    for (const std::string& lookup : groups_below(golden, criterion, computed))
      for (const std::string& start : groups_below(golden, lookup, computed))
        compute_run(golden, model, start, allowed, computed);
  for (const std::string& criterion : groups_below(golden, "forward_adaptive", computed))
    compute_given(golden, model, criterion, allowed, computed);
}

}  // namespace modr::tools
