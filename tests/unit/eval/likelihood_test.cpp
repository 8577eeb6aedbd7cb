#include "eval/likelihood.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "model/decoder.hpp"
#include "model/initial_state.hpp"
#include "support/expect_error.hpp"
#include "support/tiny_eval.hpp"

namespace modr {
namespace {

struct Routing {
  int64_t branches, top_k;
  RouteUnit unit;
};

const Routing routings[] = {{0, 1, RouteUnit::sequence},
                            {3, 1, RouteUnit::sequence},
                            {3, 2, RouteUnit::sequence},
                            {3, 1, RouteUnit::token}};

ModrModel routed_model(const Routing& routing, DType dtype, int64_t n_embd = 8) {
  ModelConfig config = testing::tiny_config(routing.branches);
  config.n_embd = n_embd;
  config.vocab_size = 97;
  config.block_size = 64;
  config.branches.unit = routing.unit;
  config.branches.top_k = routing.top_k;
  ModrModel model(config, dtype);
  testing::randomize(model, 5);
  return model;
}

// log p of every token of `continuation`, each from a decoding step of its own.
double decoded_likelihood(const ModrModel& model, const ContinuedPrompt& prompt,
                          const std::vector<int32_t>& continuation, const LikelihoodOptions& options) {
  Decoder decoder(model, KvCache(model.config(), options.cache, 1, 64, options.num_steps, model.dtype()));
  double sum = 0;
  std::vector<int32_t> next = prompt.prompt;
  for (int32_t token : continuation) {
    DecodeCall call;
    call.sequences = {0};
    call.counts = {call.seq = std::ssize(next)};
    std::vector<StateKey> keys;
    for (int64_t i = 0; i < call.seq; ++i)
      keys.push_back({options.seed, prompt.sample, static_cast<uint32_t>(decoder.cache().length(0) + i)});
    call.ids = make_indices(next);
    call.initial_state = initial_states(model.config(), keys, model.dtype());
    call.num_steps = options.num_steps;
    const std::vector<double> logits = decoder(call).logits.to_vector();
    const double total = std::accumulate(logits.begin(), logits.end(), 0.0,
                                         [](double so_far, double logit) { return so_far + std::exp(logit); });
    sum += logits[static_cast<std::size_t>(token)] - std::log(total);
    next = {token};
  }
  return sum;
}

TEST(Likelihood, IsWhatDecodingGivesAContinuation) {
  for (const Routing& routing : routings)
    for (const char* cache : {"full", "compress-s2", "latest-m4", "compress-r4"}) {
      const ModrModel model = routed_model(routing, DType::f64);
      const LikelihoodOptions options{3, parse_cache_config(cache), 11};
      const std::vector<ContinuedPrompt> prompts{{{1, 2, 3, 4}, {{5, 6, 7, 8}, {9}, {5, 6}}, 7},
                                                 {{9, 8}, {{7}, {1, 2}}, 8},
                                                 {{1, 2, 3, 4}, {{5, 6}}, 9}};
      const auto scores = score_continuations(model, prompts, options);
      for (std::size_t i = 0; i < prompts.size(); ++i)
        for (std::size_t j = 0; j < prompts[i].continuations.size(); ++j)
          EXPECT_NEAR(scores[i].log_likelihood[j],
                      decoded_likelihood(model, prompts[i], prompts[i].continuations[j], options), 1e-10)
              << cache << " " << i << " " << j;
      EXPECT_NE(scores[0].log_likelihood[2], scores[2].log_likelihood[0]);  // other random states
    }
}

TEST(Likelihood, OfAllOneTokenContinuationsSumsToOne) {
  for (const Routing& routing : routings)
    for (uint64_t seed = 0; seed < 5; ++seed) {
      ModrModel model = routed_model(routing, DType::f64);
      testing::randomize(model, seed);
      ContinuedPrompt prompt{{1, 2, 3}, {}, seed};
      // After a first token too: every token that may follow it, which is routed by itself.
      ContinuedPrompt longer{{1, 2, 3}, {{7}}, seed};
      for (int32_t token = 0; token < model.config().vocab_size; ++token) {
        prompt.continuations.push_back({token});
        longer.continuations.push_back({7, token});
      }
      const LikelihoodOptions options{4, {}, 0};
      const auto sum_of = [](std::span<const double> values) {
        return std::accumulate(values.begin(), values.end(), 0.0, [](double so_far, double x) { return so_far + std::exp(x); });
      };
      EXPECT_NEAR(sum_of(score_continuations(model, {&prompt, 1}, options)[0].log_likelihood), 1, 1e-12);
      const auto after = score_continuations(model, {&longer, 1}, options)[0].log_likelihood;
      EXPECT_NEAR(sum_of(std::span(after).subspan(1)) / std::exp(after[0]), 1, 1e-10);
    }
}

// In the types that models compute in, to the last bit.
TEST(Likelihood, DoesNotDependOnTheBatch) {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const Routing& routing : routings) {
      ModrModel model = routed_model(routing, dtype, 64);
      model.pack_weights({false, 0});
      std::vector<ContinuedPrompt> prompts;
      for (int32_t i = 0; i < 16; ++i) {
        ContinuedPrompt prompt{{}, {}, static_cast<uint64_t>(i)};
        for (int32_t j = 0; j < 3 + i * 5 % 17; ++j) prompt.prompt.push_back((i * 31 + j * 7) % 97);
        for (int32_t j = 0; j < 2 + i % 3; ++j) prompt.continuations.push_back(std::vector<int32_t>(std::size_t(1 + (i + j) % 6), 40 + j));
        prompts.push_back(prompt);
      }
      const LikelihoodOptions options{4, {}, 3};
      const auto alone = [&](std::size_t i) { return score_continuations(model, {&prompts[i], 1}, options)[0]; };
      for (std::size_t batch : {2u, 3u, 7u, 16u}) {
        const auto together = score_continuations(model, std::span(prompts).first(batch), options);
        for (std::size_t i = 0; i < batch; ++i) {
          EXPECT_EQ(together[i].log_likelihood, alone(i).log_likelihood) << name_of(dtype) << " " << batch << " " << i;
          EXPECT_EQ(together[i].branch_counts, alone(i).branch_counts);
        }
      }
    }
}

TEST(Likelihood, CountsTheBranchesOfThePromptOnceAndOfEveryTokenTakenIn) {
  const ModrModel model = routed_model({3, 1, RouteUnit::sequence}, DType::f64);
  const ContinuedPrompt prompt{{1, 2, 3, 4}, {{5, 6, 7}, {8}, {9, 10}}, 7};
  const auto counts = score_continuations(model, {&prompt, 1}, {4, {}, 0})[0].branch_counts;
  EXPECT_EQ(std::reduce(counts.begin(), counts.end()), 1 + 2 + 0 + 1);
}

TEST(Likelihood, NamesWhatHasNone) {
  ModrModel model = routed_model({0, 1, RouteUnit::sequence}, DType::f32);
  const auto score = [&](ContinuedPrompt prompt) {
    prompt.name = "problem 4";
    score_continuations(model, {&prompt, 1}, {2, {}, 0});
  };
  expect_error([&] { score({{}, {{1}}}); }, {"problem 4", "empty"});
  expect_error([&] { score({{1}, {{1}, {}}}); }, {"problem 4", "empty"});
  expect_error([&] { score({std::vector<int32_t>(60, 1), {std::vector<int32_t>(6, 1)}}); }, {"65", "64"});
  score({std::vector<int32_t>(60, 1), {std::vector<int32_t>(5, 1)}});
  model.parameters().back().variable.value().fill(NAN);
  expect_error([&] { score({{1, 2}, {{3}}}); }, {"problem 4", "not finite"});
}

}  // namespace
}  // namespace modr
