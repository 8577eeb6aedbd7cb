// generate() and score_continuations() by every rank at its own pace, with the branches on different ranks, against the
// same work on one rank that has all branches.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "eval/likelihood.hpp"
#include "eval/serve_branches.hpp"
#include "model/generate.hpp"
#include "mpi/eval/shared_branches.hpp"
#include "support/mpi_world.hpp"

namespace modr {
namespace {

using testing::all_routings;
using testing::branch_groups;
using testing::Routing;
using testing::share_branches;
using testing::SharedModel;
using testing::whole_model;

// Prompts of different lengths, the first of them rank `rank`'s own.
std::vector<Prompt> prompts_of(int rank, int64_t count) {
  std::vector<Prompt> prompts;
  for (int64_t i = 0; i < count; ++i) {
    Prompt& prompt = prompts.emplace_back();
    prompt.sample = static_cast<uint64_t>(100 * rank + i);
    prompt.tokens.resize(static_cast<std::size_t>(1 + (3 * rank + 5 * i) % 7));
    std::iota(prompt.tokens.begin(), prompt.tokens.end(), 7 * rank + static_cast<int32_t>(i));
  }
  return prompts;
}

std::vector<ContinuedPrompt> continuations_of(std::span<const Prompt> prompts) {
  std::vector<ContinuedPrompt> result;
  for (const Prompt& prompt : prompts) result.push_back({prompt.tokens, {{40, 41, 42}, {50}}, prompt.sample});
  return result;
}

GenerateOptions options_for(int64_t num_steps) {
  GenerateOptions options;
  options.num_steps = num_steps;
  options.max_new_tokens = 6;
  options.seed = 5;
  return options;
}

void expect_equal(const std::vector<Generation>& got, const std::vector<Generation>& want, const std::string& which) {
  ASSERT_EQ(got.size(), want.size()) << which;
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].tokens, want[i].tokens) << which;
    EXPECT_EQ(got[i].stopped, want[i].stopped) << which;
    EXPECT_EQ(got[i].branch_counts, want[i].branch_counts) << which;
    EXPECT_EQ(got[i].steps, want[i].steps) << which;
  }
}

using Work = std::function<std::vector<Generation>(const ModrModel& model)>;

// This rank's `work` with shared branches and alone. Collective.
void expect_the_same(const Routing& routing, const Communicator& group, const Work& work, const std::string& which) {
  const ModrModel whole = whole_model(routing);
  const SharedModel shared = share_branches(whole, group);
  const std::vector<Generation> got = work(shared.model);
  serve_branches(shared.model, *shared.exchange);
  EXPECT_EQ(shared.exchange->attendance().duty(), Duty::closed);
  expect_equal(got, work(whole), routing.name() + ", " + which);
}

TEST(SharedGeneration, RanksWithOtherPromptsDepthsAndCaches) {
  const char* caches[] = {"full", "latest-m4", "compress-s4", "skip-compress-r2"};
  for (const Routing& routing : all_routings())
    for (const Communicator& group : branch_groups(mpi_world()))
      for (const bool continuous : {false, true}) {
        const int rank = mpi_world().rank();
        GenerateOptions options = options_for(1 + (rank + 2) % 4);
        options.cache = parse_cache_config(caches[rank % 4]);
        options.continuous_compute = continuous;
        expect_the_same(
            routing, group,
            [&](const ModrModel& model) { return generate(model, prompts_of(rank, 1 + rank % 3), options); },
            fmt::format("cache {}, continuous {}", caches[rank % 4], continuous));
      }
}

// To the last bit, in the types that models compute in: rows of other ranks share the branches' products.
TEST(SharedGeneration, TextsInF32AndBf16) {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const Routing& routing : all_routings()) {
      const int rank = mpi_world().rank();
      ModrModel whole = whole_model(routing, dtype, 64);
      whole.pack_weights({false, 0});
      const std::vector<Prompt> prompts = prompts_of(rank, 1 + 2 * (rank % 3));
      const GenerateOptions options = options_for(3);
      std::vector<Generation> alone;
      for (const Prompt& prompt : prompts) alone.push_back(generate(whole, {&prompt, 1}, options).front());
      for (const Communicator& group : branch_groups(mpi_world())) {
        SharedModel shared = share_branches(whole, group);
        shared.model.pack_weights({false, 0});
        const auto got = generate(shared.model, prompts, options);
        const auto scores = score_continuations(shared.model, continuations_of(prompts), {3, {}, 7});
        serve_branches(shared.model, *shared.exchange);
        expect_equal(got, alone, fmt::format("{}, {}", name_of(dtype), routing.name()));
        for (std::size_t i = 0; i < prompts.size(); ++i)
          EXPECT_EQ(scores[i].log_likelihood,
                    score_continuations(whole, continuations_of({&prompts[i], 1}), {3, {}, 7})[0].log_likelihood)
              << name_of(dtype) << ", " << routing.name();
      }
    }
}

TEST(SharedGeneration, EveryTokenExitsAtItsOwnRecurrence) {
  const char* criteria[] = {"kl:0.1", "latent-diff:0.8", "argmax-stability:1", "entropy-diff:0.03", "cosine:0.2"};
  std::vector<int64_t> exits;  // of this rank's tokens
  for (const Routing& routing : all_routings()) {
    const int rank = mpi_world().rank();
    int shift = 0;
    for (const Communicator& group : branch_groups(mpi_world())) {
      const char* criterion = criteria[(rank + shift++) % 5];
      GenerateOptions options = options_for(5);
      options.exit = parse_exit_spec(criterion);
      const Work work = [&](const ModrModel& model) { return generate(model, prompts_of(rank, 2), options); };
      expect_the_same(routing, group, work, criterion);
      for (const Generation& generation : work(whole_model(routing)))
        exits.insert(exits.end(), generation.steps.begin(), generation.steps.end());
    }
  }
  EXPECT_LT(std::ranges::min(exits), 5);
  EXPECT_GT(std::ranges::max(exits), 2);
}

TEST(SharedGeneration, SelfSpeculation) {
  for (const auto when : {RouteWhen::forward, RouteWhen::recurrence}) {
    const int rank = mpi_world().rank();
    GenerateOptions options = options_for(4);
    options.draft = DraftSpec{1 + rank % 4, 2 + rank % 3};
    for (const Communicator& group : branch_groups(mpi_world()))
      expect_the_same(
          {RouteUnit::token, when, 1}, group,
          [&](const ModrModel& model) { return generate(model, prompts_of(rank, 2), options); }, "speculation");
  }
}

// From everybody to nobody.
TEST(SharedGeneration, RanksWithoutWork) {
  for (const Routing& routing : all_routings())
    for (const Communicator& group : branch_groups(mpi_world()))
      for (int working = 0; working < 3; ++working) {  // none, the last, every second
        const int rank = mpi_world().rank(), last = mpi_world().size() - 1;
        const bool works = working == 1 ? rank == last : working == 2 && rank % 2 == 0;
        expect_the_same(
            routing, group,
            [&](const ModrModel& model) {
              return generate(model, prompts_of(rank, works ? 2 : 0), options_for(3));
            },
            fmt::format("{} ranks work", working));
      }
}

// Some ranks score while others generate.
TEST(SharedGeneration, LikelihoodsBesideGeneration) {
  for (const Routing& routing : all_routings()) {
    const int rank = mpi_world().rank();
    const std::vector<Prompt> prompts = prompts_of(rank, 2);
    const ModrModel whole = whole_model(routing);
    const SharedModel shared = share_branches(whole, mpi_world());
    if (rank % 2 == 1) {
      const auto got = generate(shared.model, prompts, options_for(3));
      serve_branches(shared.model, *shared.exchange);
      expect_equal(got, generate(whole, prompts, options_for(3)), routing.name());
      continue;
    }
    const auto got = score_continuations(shared.model, continuations_of(prompts), {2 + rank, {}, 7});
    serve_branches(shared.model, *shared.exchange);
    const auto want = score_continuations(whole, continuations_of(prompts), {2 + rank, {}, 7});
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      for (std::size_t j = 0; j < want[i].log_likelihood.size(); ++j)
        EXPECT_NEAR(got[i].log_likelihood[j], want[i].log_likelihood[j], 1e-11) << routing.name();
      EXPECT_EQ(got[i].branch_counts, want[i].branch_counts) << routing.name();
    }
  }
}

// A row that goes to another rank's branch costs its state out and home, and per layer q, k, v home and attention's
// output back. Nothing else moves: attention and caches stay where the sequence lives.
TEST(SharedGeneration, MovesNothingButRows) {
  for (const Routing& routing : all_routings()) {
    if (routing.when != RouteWhen::recurrence) continue;  // so that every recurrence has its plan among the decisions
    const ModrModel whole = whole_model(routing);
    const SharedModel shared = share_branches(whole, mpi_world());
    const Slice here = shared.exchange->branches();
    int64_t rows = 0, recurrences = 0;
    generate(shared.model, prompts_of(mpi_world().rank(), 2), options_for(3),
             [&](const DecodeCall&, const DecodeResult& result) {
               for (const RouteDecision& decision : result.decisions)
                 rows += decision.plan->pass_rows->back() - decision.plan->rows_to(here.begin, here.end);
               recurrences += std::ssize(result.decisions);
             });
    const int64_t layers = whole.config().n_layers_in_recurrent_block;
    EXPECT_GE(shared.exchange->traffic().exchanges, recurrences * (2 + 2 * layers));
    serve_branches(shared.model, *shared.exchange);
    const int64_t bytes = mpi_world().all_reduced(shared.exchange->traffic().bytes);
    EXPECT_EQ(bytes, mpi_world().all_reduced(rows) * (2 + 4 * layers) * whole.config().n_embd * 8) << routing.name();
    EXPECT_EQ(bytes > 0, mpi_world().size() > 1);
  }
}

}  // namespace
}  // namespace modr
