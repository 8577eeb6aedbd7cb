#include <fmt/format.h>

#include <algorithm>

#include "tools/verify_checks.hpp"
#include "tools/verify_decoding.hpp"

namespace modr::tools {

namespace {

// exit_values of the file are padded behind the last computed step: only computed ones are compared.
void compare_exit_values(const GoldenFile& golden, const std::string& name,
                         const std::vector<std::vector<double>>& got, double tolerance, VerifyReport& report) {
  const Tensor expected = golden.file().read_tensor(name, DType::f64);
  std::vector<double> have, want;
  for (std::size_t row = 0; row < got.size() && static_cast<int64_t>(row) < expected.size(0); ++row) {
    const auto count = static_cast<int64_t>(got[row].size());
    const auto index = static_cast<int64_t>(row);
    const auto values = expected.slice(0, index, index + 1).slice(1, 0, std::min(count, expected.size(1))).to_vector();
    have.insert(have.end(), got[row].begin(), got[row].end());
    want.insert(want.end(), values.begin(), values.end());
  }
  report.relative(name, have, want, tolerance);
}

// One run adaptive/<criterion>/<lookup>/<initial state>.
void verify_adaptive_run(const GoldenFile& golden, const ModrModel& model, const std::string& group,
                         const Tolerances& tolerances, VerifyReport& report) {
  const H5File& file = golden.file();
  const Prompt prompt{*golden.ids("prompt"), 0};
  const std::vector<int64_t> steps = file.read_ints(group + "/steps");
  const bool random = file.attribute_string(group, "init_state") == "random";
  int64_t call = 0;
  GenerateOptions options;
  options.num_steps = file.attribute_int(group, "max_steps");
  options.max_new_tokens = static_cast<int64_t>(steps.size());
  const std::string criterion = file.attribute_string(group, "criterion");
  if (criterion != "none")
    options.exit = ExitSpec{parse_exit_criterion(criterion), file.attribute_double(group, "exit_threshold")};
  const std::string lookup = file.attribute_string(group, "lookup_strategy");
  options.cache = parse_cache_config(lookup);
  options.states = [&](std::span<const StateKey> keys) {
    const auto tokens = static_cast<int64_t>(keys.size());
    if (!random) return Tensor::zeros({tokens, model.config().n_embd}, model.dtype());
    return states_of_call(golden, "random_states/prefill", "random_states/decode", model, call++, tokens);
  };
  DecodingRecord recorded;
  const Generation generation =
      std::move(generate(model, {&prompt, 1}, options, recorded.observer()).front());
  std::vector<int64_t> words(prompt.tokens.begin(), prompt.tokens.end());
  words.insert(words.end(), generation.tokens.begin(), generation.tokens.end());
  report.exact(group + "/output_ids", words, file.read_ints(group + "/output_ids"));
  report.exact(group + "/steps", generation.steps, steps);
  if (options.exit)
    compare_exit_values(golden, group + "/exit_values", recorded.exit_values, tolerances.gradients, report);
  report.relative(group + "/latent_at_exit", recorded.latents,
                  file.read_tensor(group + "/latent_at_exit", DType::f64).to_vector(), tolerances.logits);
  // The reference rounds these logits to float32 before it picks a word.
  report.relative(group + "/next_token_logits", recorded.logits,
                  file.read_tensor(group + "/next_token_logits", DType::f64).to_vector(),
                  std::max(tolerances.logits, 1e-7));
}

// forward_adaptive/<criterion>: given words, token by token, each from a zero state.
void verify_adaptive_forward(const GoldenFile& golden, const ModrModel& model, const std::string& group,
                             const Tolerances& tolerances, VerifyReport& report) {
  const H5File& file = golden.file();
  const std::vector<int32_t> ids = *golden.ids("forward_adaptive/input_ids");
  ExitRule rule(parse_exit_criterion(file.attribute_string(group, "criterion")),
                file.attribute_double(group, "exit_threshold"));
  const int64_t max_steps = file.attribute_int(group, "max_steps"), n_embd = model.config().n_embd;
  Decoder decoder(model, KvCache(model.config(), {}, 1, static_cast<int64_t>(ids.size()), max_steps, model.dtype()));
  DecodingRecord recorded;
  std::vector<int64_t> steps;
  for (int32_t id : ids) {
    DecodeCall call;
    call.sequences = {0};
    call.counts = {1};
    call.seq = 1;
    call.ids = make_indices({id});
    call.initial_state = Tensor::zeros({1, n_embd}, model.dtype());
    call.num_steps = max_steps;
    call.exit = &rule;
    const DecodeResult result = decoder(call);
    recorded.add(call, result);
    steps.push_back(result.steps);
  }
  report.exact(group + "/compute_steps", steps, file.read_ints(group + "/compute_steps"));
  compare_exit_values(golden, group + "/exit_values", recorded.exit_values, tolerances.gradients, report);
  report.relative(group + "/logits_f64", recorded.logits,
                  file.read_tensor(group + "/logits_f64", DType::f64).to_vector(), tolerances.logits);
}

}  // namespace

void verify_adaptive(const GoldenFile& golden, DType dtype, const Tolerances& tolerances, VerifyReport& report) {
  const auto model = golden.model(dtype);
  const H5File& file = golden.file();
  for (const std::string& criterion : file.children("adaptive"))
    for (const std::string& lookup : file.children("adaptive/" + criterion))
      for (const std::string& start : file.children("adaptive/" + criterion + "/" + lookup))
        verify_adaptive_run(golden, *model, fmt::format("adaptive/{}/{}/{}", criterion, lookup, start), tolerances,
                            report);
  if (!golden.has("forward_adaptive")) return;
  for (const std::string& criterion : file.children("forward_adaptive"))
    if (criterion != "input_ids")
      verify_adaptive_forward(golden, *model, "forward_adaptive/" + criterion, tolerances, report);
}

}  // namespace modr::tools
