#include <fmt/format.h>

#include "tools/verify_checks.hpp"
#include "tools/verify_decoding.hpp"

namespace modr::tools {

namespace {

void compare_generation_routes(const GoldenFile& golden, const std::string& group, const DecodingRecord& recorded,
                               const Tolerances& tolerances, VerifyReport& report) {
  std::vector<int64_t> got, want;
  std::vector<double> scores, expected_scores;
  for (std::size_t call = 0; call < recorded.decisions.size(); ++call)
    for (std::size_t t = 0; t < recorded.decisions[call].size(); ++t) {
      const RouteDecision& decision = recorded.decisions[call][t];
      const std::string at = fmt::format("{}/route/{}/{}/", group, call, t + 1);
      got.insert(got.end(), decision.plan->choice.begin(), decision.plan->choice.end());
      const auto choice = golden.file().read_ints(at + "choice");
      want.insert(want.end(), choice.begin(), choice.end());
      append(scores, decision.scores);
      append(expected_scores, golden.file().read_tensor(at + "all_scores", DType::f64));
    }
  report.exact(group + "/route/*/choice", got, want);
  report.relative(group + "/route/*/all_scores", scores, expected_scores, tolerances.logits);
}

void verify_one_generation(const GoldenFile& golden, const ModrModel& model, const std::string& group,
                           const Tolerances& tolerances, VerifyReport& report) {
  const H5File& file = golden.file();
  const Prompt prompt{*golden.ids(group + "/prompt"), 0};
  const std::vector<int64_t> expected = file.read_ints(group + "/generated_ids");
  int64_t call = 0;
  GenerateOptions options;
  options.num_steps = file.has_attribute(group, "num_steps")
                          ? file.attribute_int(group, "num_steps")
                          : golden.depth().num_steps_no_grad + golden.depth().num_steps_with_grad;
  options.max_new_tokens = static_cast<int64_t>(expected.size());
  options.states = [&](std::span<const StateKey> keys) {
    return states_of_call(golden, group + "/input_states_prefill", group + "/input_states_decode", model, call++,
                          static_cast<int64_t>(keys.size()));
  };
  DecodingRecord recorded;
  const auto generated = generate(model, {&prompt, 1}, options, recorded.observer());
  std::vector<int64_t> words(generated.front().tokens.begin(), generated.front().tokens.end());
  // Some files list the prompt in front of what was generated.
  if (expected.size() > words.size()) words.insert(words.begin(), prompt.tokens.begin(), prompt.tokens.end());
  report.exact(group + "/generated_ids", words, expected);
  report.relative(group + "/logits_f64", recorded.logits,
                  file.read_tensor(group + "/logits_f64", DType::f64).to_vector(), tolerances.logits);
  if (model.core().router()) compare_generation_routes(golden, group, recorded, tolerances, report);
}

void verify_prefill(const GoldenFile& golden, const ModrModel& model, const std::string& group,
                    const Tolerances& tolerances, VerifyReport& report) {
  const std::string name = group + "/prefill_logits_f64";
  if (!golden.has(name)) return;
  const Indices prompt = golden.ids(group + "/prompt");
  const auto tokens = static_cast<int64_t>(prompt->size());
  DecodeCall call;
  call.sequences = {0};
  call.counts = {tokens};
  call.seq = tokens;
  call.ids = prompt;
  call.num_steps = golden.file().attribute_int(group, "num_steps");
  call.last_logits = tokens;
  call.initial_state = states_of_call(golden, group + "/input_states_prefill", "", model, 0, tokens);
  Decoder decoder(model, KvCache(model.config(), {}, 1, tokens, call.num_steps, model.dtype()));
  report.relative(name, decoder(call).logits.to_vector(), golden.file().read_tensor(name, DType::f64).to_vector(),
                  tolerances.logits);
}

}  // namespace

void verify_generation(const GoldenFile& golden, DType dtype, const Tolerances& tolerances, VerifyReport& report) {
  const auto model = golden.model(dtype);
  for (const std::string& kind : golden.file().children("generation")) {
    verify_one_generation(golden, *model, "generation/" + kind, tolerances, report);
    verify_prefill(golden, *model, "generation/" + kind, tolerances, report);
  }
}

}  // namespace modr::tools
