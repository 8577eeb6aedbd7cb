#include "model/speculative.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/expect_error.hpp"
#include "support/tiny_model.hpp"

namespace modr {
namespace {

using testing::randomize;
using testing::tiny_config;

constexpr int64_t num_steps = 4;

GenerateOptions options_for(int64_t max_new_tokens) {
  GenerateOptions options;
  options.num_steps = num_steps;
  options.max_new_tokens = max_new_tokens;
  options.seed = 5;
  return options;
}

std::vector<Prompt> prompts() { return {{{1, 2, 3}, 0}, {{4}, 1}, {{5, 6, 7, 8, 9, 10, 11}, 2}}; }

// Drafts with few recurrences, checked with all: the same text in fewer full passes, whatever the drafts were worth.
TEST(Speculation, GivesTheSameText) {
  for (int64_t branches : {0, 3})
    for (RouteUnit unit : {RouteUnit::sequence, RouteUnit::token})
      for (const auto& [draft_steps, draft_tokens] : {std::pair{1, 3}, {2, 5}, {num_steps, 4}}) {
        ModelConfig config = tiny_config(branches);
        config.branches.unit = unit;
        ModrModel model(config, DType::f64);
        randomize(model, 8);
        for (int64_t max_new_tokens : {0, 1, 6, 100}) {
          GenerateOptions plain = options_for(max_new_tokens);
          plain.stop_ids = {3};
          GenerateOptions speculative = plain;
          speculative.draft = DraftSpec{draft_steps, draft_tokens};
          const auto want = generate(model, prompts(), plain), got = generate(model, prompts(), speculative);
          for (std::size_t i = 0; i < want.size(); ++i) {
            EXPECT_EQ(got[i].tokens, want[i].tokens);
            EXPECT_EQ(got[i].stopped, want[i].stopped);
            if (draft_steps == num_steps && want[i].tokens.size() > 6) {  // drafts as good as the check: none is refused
              const auto full = std::count(got[i].steps.begin(), got[i].steps.end(), num_steps);
              EXPECT_LE(full - std::ptrdiff_t(want[i].tokens.size()), std::ptrdiff_t(want[i].tokens.size()) / 2 + 2);
            }
          }
        }
      }
}

// Near ties are common here: a single bit that hung on how many tokens a call has would show in some text.
TEST(Speculation, GivesTheSameTextWithEveryCacheItAcceptsInEveryType) {
  for (DType dtype : {DType::f32, DType::bf16})
    for (const char* cache : {"full", "latest-m4", "available-m4", "always-last-m4", "skip", "compress-s8",
                              "latest-m4-compress-s16", "compress-r1", "compress-anchor"})
      for (RouteUnit unit : {RouteUnit::sequence, RouteUnit::token}) {
        ModelConfig config = tiny_config(3);
        config.n_embd = 64;
        config.n_heads = 2;
        config.vocab_size = 400;
        config.block_size = 160;
        config.branches.unit = unit;
        ModrModel model(config, dtype);
        randomize(model, 8);
        model.pack_weights({false, 0});
        GenerateOptions plain = options_for(70);
        plain.cache = parse_cache_config(cache);
        GenerateOptions speculative = plain;
        speculative.draft = DraftSpec{2, 4};
        const auto want = generate(model, prompts(), plain), got = generate(model, prompts(), speculative);
        for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].tokens, want[i].tokens) << cache << " " << i;
      }
}

// The prompt's logits are not made but for the last word's.
TEST(Speculation, MakesNoLogitsOfThePrompt) {
  ModrModel model(tiny_config(), DType::f32);
  randomize(model, 8);
  GenerateOptions options = options_for(4);
  options.draft = DraftSpec{2, 3};
  int64_t most = 0;
  generate(model, std::vector<Prompt>{{{5, 6, 7, 8, 9, 10, 11}, 2}}, options,
           [&](const DecodeCall&, const DecodeResult& result) { most = std::max(most, result.logits.size(0)); });
  EXPECT_LE(most, 4);
}

TEST(Speculation, RefusesWhatItCannotKeepExact) {
  ModrModel model(tiny_config(), DType::f32);
  const auto expect_refused = [&](const ModrModel& refused, const GenerateOptions& options, const char* word) {
    expect_error([&] { generate(refused, prompts(), options); }, {"speculation", word});
  };
  GenerateOptions options = options_for(4);
  options.draft = DraftSpec{2, 2};
  for (const char* cache : {"compress-s4", "latest-m4-compress-s4", "compress-r2", "always-last-m4-compress-r8"}) {
    options.cache = parse_cache_config(cache);
    expect_refused(model, options, cache);
  }
  options.cache = parse_cache_config("compress-anchor");  // shares slots from the tenth recurrence on
  options.num_steps = 10;
  expect_refused(model, options, "compress-anchor");
  options = options_for(4);
  options.draft = DraftSpec{num_steps + 1, 2};
  expect_refused(model, options, "1 to 4 recurrences");
  options.draft = DraftSpec{2, 2};
  options.continuous_compute = true;
  expect_refused(model, options, "continuous compute");
  options.continuous_compute = false;
  ModelConfig config = tiny_config(3);
  config.branches.top_k = 2;
  expect_refused(ModrModel(config, DType::f32), options, "top_k 2");
}

}  // namespace
}  // namespace modr
