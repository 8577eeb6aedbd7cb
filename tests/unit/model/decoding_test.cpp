#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/generate.hpp"
#include "support/expect_error.hpp"
#include "support/tiny_model.hpp"

namespace modr {
namespace {

using testing::random_batch;
using testing::randomize;
using testing::tiny_config;

constexpr int64_t num_steps = 4;

DecodeCall call_of(const ModelConfig& config, const std::vector<int32_t>& ids, int64_t first, int64_t count) {
  std::vector<StateKey> keys;
  for (int64_t i = first; i < first + count; ++i) keys.push_back({1, 0, static_cast<uint32_t>(i)});
  DecodeCall call;
  call.sequences = {0};
  call.counts = {count};
  call.seq = count;
  call.ids = make_indices({ids.begin() + first, ids.begin() + first + count});
  call.initial_state = initial_states(config, keys, DType::f64);
  call.num_steps = num_steps;
  call.last_logits = count;
  return call;
}

// Tokens routed one by one do not see how a text is cut into calls: decoding equals the forward pass over everything.
TEST(Decoder, TokenByTokenEqualsTheWholeForwardPass) {
  for (int64_t branches : {0, 3})
    for (RouteWhen when : {RouteWhen::forward, RouteWhen::recurrence})
      for (const char* cache : {"full", "latest-m4", "always-last-m4", "compress-s8", "skip-compress-r1"}) {
        ModelConfig config = tiny_config(branches);
        config.branches.unit = RouteUnit::token;
        config.branches.when = when;
        ModrModel model(config, DType::f64);
        randomize(model, 2);
        const std::vector<int32_t> ids{1, 7, 3, 12, 0, 5, 9};
        const NoGrad guard;
        const DecodeCall whole = call_of(config, ids, 0, 7);
        const Tensor expected = model
                                    .forward({1, 7, whole.ids, nullptr, nullptr}, Variable(whole.initial_state),
                                             {{num_steps, 0}, Recompute::none, nullptr})
                                    .logits.value();
        Decoder decoder(model, KvCache(config, parse_cache_config(cache), 1, 7, num_steps, DType::f64));
        int64_t first = 0;
        for (int64_t count : {3, 1, 1, 2}) {
          const auto got = decoder(call_of(config, ids, first, count)).logits.to_vector();
          const auto want = expected.slice(0, first, first + count).to_vector();
          for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-11) << cache << " " << first;
          first += count;
        }
      }
}

// With several passes a unit the first choice's keys and values stay in the cache.
TEST(Decoder, TopTwoKeepsTheFirstChoice) {
  ModelConfig config = tiny_config(3);
  config.branches.top_k = 2;
  ModrModel model(config, DType::f64);
  randomize(model, 2);
  ModelConfig one = config;
  one.branches.top_k = 1;
  ModrModel first_only(one, DType::f64);
  randomize(first_only, 2);
  const std::vector<int32_t> ids{1, 7, 3, 12};
  Decoder both(model, KvCache(config, {}, 1, 4, 1, DType::f64));
  Decoder first(first_only, KvCache(one, {}, 1, 4, 1, DType::f64));
  DecodeCall prefill = call_of(config, ids, 0, 3);
  prefill.num_steps = 1;  // after one recurrence the caches depend on the first choice alone
  both(prefill);
  first(prefill);
  const auto kept = both.cache().core_window(0, {{0, true}})->past(1),
             expected = first.cache().core_window(0, {{0, true}})->past(1);
  ASSERT_EQ(kept.rows->values(), expected.rows->values());
  for (int64_t row : *kept.rows)
    EXPECT_EQ(kept.slab.slice(0, row, row + 1).to_vector(), expected.slab.slice(0, row, row + 1).to_vector());
}

// The first token that is decoded alone takes all that later ones need.
TEST(Decoder, ATokenTakesNothingFromTheSystem) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    ModelConfig config = tiny_config(3);
    config.n_embd = 64;
    config.block_size = 64;
    config.vocab_size = 20'000;  // logits beyond what small blocks hold
    ModrModel model(config, dtype);
    randomize(model, 2);
    model.pack_weights({false, 1});
    GenerateOptions options;
    options.num_steps = num_steps;
    options.max_new_tokens = 40;
    std::vector<std::size_t> taken;
    const std::vector<Prompt> prompts{{{1, 2, 3, 4, 5}, 1}, {{6, 7}, 2}};
    generate(model, prompts, options, [&](const DecodeCall&, const DecodeResult&) {
      taken.push_back(allocator_stats().system_allocations);
    });
    ASSERT_EQ(taken.size(), 40u);
    EXPECT_EQ(taken.back(), taken[2]);
  }
}

// A rank of a branch group that has no sequence (any more) may still make a call.
TEST(Decoder, ACallWithoutSequences) {
  for (RouteUnit unit : {RouteUnit::sequence, RouteUnit::token}) {
    ModelConfig config = tiny_config(3);
    config.branches.unit = unit;
    const ModrModel model(config, DType::f64);
    Decoder decoder(model, KvCache(config, {}, 1, 4, num_steps, DType::f64));
    DecodeCall call;
    call.seq = 1;
    call.ids = make_indices({});
    call.initial_state = Tensor::zeros({0, config.n_embd}, DType::f64);
    call.num_steps = num_steps;
    const DecodeResult result = decoder(call);
    EXPECT_EQ(result.logits.shape(), (Shape{0, config.vocab_size}));
    EXPECT_EQ(result.decisions.at(0).plan->counts, std::vector<int64_t>(3, 0));
  }
}

GenerateOptions options_for(int64_t max_new_tokens) {
  GenerateOptions options;
  options.num_steps = num_steps;
  options.max_new_tokens = max_new_tokens;
  options.seed = 5;
  return options;
}

TEST(Generate, ResultsDoNotDependOnTheBatch) {
  for (RouteUnit unit : {RouteUnit::sequence, RouteUnit::token}) {
    ModelConfig config = tiny_config(3);
    config.branches.unit = unit;
    ModrModel model(config, DType::f64);
    randomize(model, 8);
    const std::vector<Prompt> prompts{{{1, 2, 3, 4, 5}, 10}, {{6}, 11}, {{7, 8, 9}, 12}};
    GenerateOptions options = options_for(8);
    options.stop_ids = {generate(model, prompts, options)[0].tokens[2]};
    const std::vector<Generation> together = generate(model, prompts, options);
    EXPECT_TRUE(together[0].stopped);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const Generation alone = generate(model, {&prompts[i], 1}, options).front();
      EXPECT_EQ(alone.tokens, together[i].tokens) << i;
      EXPECT_EQ(alone.branch_counts, together[i].branch_counts) << i;
      EXPECT_EQ(alone.stopped, together[i].stopped) << i;
    }
  }
}

// In the types that models compute in, at the width of a small model. Near ties are common among random logits, so that a
// bit that hung on who shares a product would show in some text.
TEST(Generate, TextsDoNotDependOnTheBatchInF32AndBf16) {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const RouteUnit unit : {RouteUnit::sequence, RouteUnit::token}) {
      ModelConfig config = tiny_config(3);
      config.n_embd = 96;
      config.n_heads = 2;
      config.vocab_size = 3000;
      config.block_size = 64;
      config.branches.unit = unit;
      ModrModel model(config, dtype);
      randomize(model, 8);
      model.pack_weights({false, 0});
      std::vector<Prompt> prompts;
      for (int32_t i = 0; i < 16; ++i) {
        prompts.push_back({{}, static_cast<uint64_t>(i)});
        for (int32_t j = 0; j < 1 + i * 5 % 13; ++j) prompts.back().tokens.push_back((i * 97 + j * 7) % 3000);
      }
      GenerateOptions options = options_for(24);
      std::vector<Generation> alone;
      for (const Prompt& prompt : prompts) alone.push_back(generate(model, {&prompt, 1}, options).front());
      options.stop_ids = {alone[2].tokens[9], alone[5].tokens[3]};  // so that some leave the batch early
      for (std::size_t i = 0; i < prompts.size(); ++i) alone[i] = generate(model, {&prompts[i], 1}, options).front();
      for (std::size_t batch : {2u, 3u, 7u, 16u}) {
        const auto together = generate(model, std::span(prompts).first(batch), options);
        for (std::size_t i = 0; i < batch; ++i) {
          EXPECT_EQ(together[i].tokens, alone[i].tokens) << name_of(dtype) << ", " << batch << " prompts, prompt " << i;
          EXPECT_EQ(together[i].branch_counts, alone[i].branch_counts);
        }
      }
    }
}

TEST(Generate, StopsAtTheBlockSize) {
  ModrModel model(tiny_config(), DType::f32);
  randomize(model, 8);
  const std::vector<Prompt> prompts{{{1, 2, 3}, 0}};
  const Generation generation = generate(model, prompts, options_for(100)).front();
  EXPECT_FALSE(generation.stopped);
  EXPECT_EQ(generation.tokens.size(), 14u);  // 3 + 13 fed back, and one more predicted
  const std::vector<Prompt> too_long{{std::vector<int32_t>(16, 1), 0}}, empty{{{}, 0}};
  EXPECT_THROW(generate(model, too_long, options_for(1)), Error);
  EXPECT_THROW(generate(model, empty, options_for(1)), Error);
}

TEST(Generate, ContinuousComputeStartsFromTheLastState) {
  ModrModel model(tiny_config(), DType::f64);
  randomize(model, 8);
  const std::vector<Prompt> prompts{{{1, 2, 3}, 0}};
  GenerateOptions options = options_for(3);
  options.continuous_compute = true;
  std::vector<Tensor> starts, ends;
  generate(model, prompts, options, [&](const DecodeCall& call, const DecodeResult& result) {
    starts.push_back(call.initial_state);
    ends.push_back(result.state);
  });
  EXPECT_EQ(starts[1].to_vector(), ends[0].slice(0, 2, 3).to_vector());
  EXPECT_EQ(starts[2].to_vector(), ends[1].to_vector());
  const std::vector<Prompt> one_word{{{4}, 0}};  // no token before it: it starts from a state of its own
  EXPECT_EQ(generate(model, one_word, options).front().tokens.size(), 3u);
}

// A NaN that is not the first of the logits is neither above nor below the others.
TEST(Generate, NamesThePromptWhoseLogitsAreNotNumbers) {
  for (const float bad : {NAN, INFINITY}) {
    ModelConfig config = tiny_config();
    config.tie_embeddings = false;
    ModrModel model(config, DType::f32);
    randomize(model, 8);
    const std::vector<Prompt> prompts{{{1, 2, 3}, 0}, {{4}, 1, "problem 7"}};
    generate(model, prompts, options_for(2));
    for (const Parameter& parameter : model.parameters())
      if (parameter.name == "transformer.wte.weight") parameter.variable.value().slice(0, 4, 5).fill(bad);
    for (const bool speculates : {false, true}) {
      GenerateOptions options = options_for(2);
      if (speculates) options.draft = DraftSpec{1, 2};
      expect_error([&] { generate(model, prompts, options); }, {"problem 7", "not finite"});
    }
    const Tensor logits = Tensor::from<double>(std::vector<double>{1, bad, 3, 2}, {1, 4}, DType::f32);
    expect_error([&] { most_likely_tokens(logits, [](int64_t) { return "prompt 0"; }); }, {"prompt 0", "not finite"});
  }
}

}  // namespace
}  // namespace modr
