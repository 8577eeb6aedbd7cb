#include "eval/scorer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "eval/likelihood.hpp"
#include "model/initial_state.hpp"
#include "support/expect_error.hpp"
#include "support/tiny_eval.hpp"

namespace modr {
namespace {

std::vector<int64_t> all_items(const Task& task) {
  std::vector<int64_t> items(task.items.size());
  std::iota(items.begin(), items.end(), int64_t{0});
  return items;
}

TEST(Likelihood, IsTheLossOfTheContinuationAlone) {
  const ModrModel model = tiny_model(0);
  const std::vector<Continuation> rows = {{{1, 2, 3, 4}, {5, 6}, 7}, {{9, 8}, {7}, 8}, {{1, 2, 3, 4}, {5, 6}, 9}};
  const auto scores = score_continuations(model, rows, 3, 11);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // One row without padding, the continuation as labels, the summed cross-entropy.
    std::vector<int32_t> ids = rows[i].prompt;
    ids.insert(ids.end(), rows[i].continuation.begin(), rows[i].continuation.end());
    std::vector<int32_t> labels(ids.size(), -100);
    for (std::size_t j = 0; j < rows[i].continuation.size(); ++j)
      labels[rows[i].prompt.size() - 1 + j] = rows[i].continuation[j];
    const auto seq = std::ssize(ids);
    const TokenBatch batch{1, seq, make_indices(ids), make_indices(labels), nullptr};
    const std::vector<uint64_t> sample{rows[i].sample};
    const Variable state(initial_states(model.config(), state_keys(11, sample, seq), DType::f64));
    const auto output = model.forward(batch, state, {.depth = {3, 0}});
    EXPECT_NEAR(scores[i].log_likelihood, -model.loss(output.logits, batch, 1.0).value().item(), 1e-5);
    EXPECT_TRUE(scores[i].branch_counts.empty());
  }
  EXPECT_NE(scores[0].log_likelihood, scores[2].log_likelihood);  // other random states
  expect_error([&] { score_continuations(model, std::vector<Continuation>{{{1}, {}, 0}}, 1, 0); }, {"empty"});
}

TEST(Likelihood, CountsOneBranchADecision) {
  const ModrModel model = tiny_model(3);
  const std::vector<Continuation> rows = {{{1, 2, 3, 4}, {5, 6}, 7}, {{9, 8}, {7}, 8}};
  for (const Likelihood& score : score_continuations(model, rows, 4, 0)) {
    ASSERT_EQ(score.branch_counts.size(), 3u);
    EXPECT_EQ(std::reduce(score.branch_counts.begin(), score.branch_counts.end()), 1);  // once a sequence
  }
}

TEST(Scorer, GivesTheSameAnswersInAnyBatch) {
  const ModrModel model = tiny_model(3);
  const Tokenizer tokenizer = Tokenizer::bytes();
  const EvalConfig config = tiny_eval_config();
  const Scorer scorer(model, tokenizer, PromptStyle::plain, config);
  for (const Task& task : tiny_tasks()) {
    const EncodedTask encoded = scorer.encode(task);
    const auto items = all_items(task);
    const auto together = scorer.answer(encoded, items, 2).samples;
    ASSERT_EQ(together.size(), items.size());
    for (int64_t item : items) {
      const Sample alone = scorer.answer(encoded, std::vector{item}, 2).samples.at(0);
      const Sample& sample = together[static_cast<std::size_t>(item)];
      EXPECT_EQ(alone.index, item);
      EXPECT_EQ(sample.index, item);
      EXPECT_EQ(alone.output, sample.output) << task.name << " " << item;
      EXPECT_EQ(alone.extracted, sample.extracted);
      EXPECT_EQ(alone.branches, sample.branches);
      EXPECT_GT(std::reduce(sample.branches.begin(), sample.branches.end()), 0);
      EXPECT_EQ(sample.mean_steps, 2);
      EXPECT_FALSE(sample.too_long);
    }
  }
}

TEST(Scorer, TakesTheLikeliestChoice) {
  const ModrModel model = tiny_model(0);
  const Tokenizer tokenizer = Tokenizer::bytes();
  EvalConfig config = tiny_eval_config();
  const Task task = tiny_tasks().at(1);
  const PromptTemplate prompts(PromptStyle::plain, tokenizer);
  for (const bool normalise : {false, true}) {
    config.length_normalise = normalise;
    const Scorer scorer(model, tokenizer, PromptStyle::plain, config);
    const EncodedTask encoded = scorer.encode(task);
    const auto samples = scorer.answer(encoded, all_items(task), 2).samples;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      std::string best;
      double best_score = 0;
      for (const std::string& choice : task.items[i].choices) {
        const Continuation row{prompts.prompt(task.items[i].question), tokenizer.encode(choice_text(choice), false),
                               sample_key(task, static_cast<int64_t>(i))};
        double score = score_continuations(model, {&row, 1}, 2, config.seed).front().log_likelihood;
        if (normalise) score /= static_cast<double>(row.continuation.size());
        if (best.empty() || score > best_score) best_score = score, best = choice;
      }
      EXPECT_EQ(samples[i].extracted, best);
      EXPECT_EQ(samples[i].output, "the correct answer is " + best);
      EXPECT_EQ(samples[i].right, best == task.items[i].gold);
    }
  }
}

TEST(Scorer, AChoiceAmongEqualsIsTheFirst) {
  const ModrModel model = tiny_model(0);
  const Tokenizer tokenizer = Tokenizer::bytes();
  const EvalConfig config = tiny_eval_config();
  Task task{"ties", AnswerKind::likely_choice, {{"Which?", "b", {"b", "b"}}}};
  const Scorer scorer(model, tokenizer, PromptStyle::plain, config);
  EXPECT_TRUE(scorer.answer(scorer.encode(task), std::vector<int64_t>{0}, 1).samples.at(0).right);
}

TEST(Scorer, CountsQuestionsThatDoNotFitAsWrong) {
  const ModrModel model = tiny_model(3);
  const Tokenizer tokenizer = Tokenizer::bytes();
  const EvalConfig config = tiny_eval_config();
  const Scorer scorer(model, tokenizer, PromptStyle::plain, config);
  for (Task task : tiny_tasks()) {
    task.items[1].question = std::string(500, 'x');
    const auto samples = scorer.answer(scorer.encode(task), std::vector<int64_t>{0, 1, 2}, 1).samples;
    ASSERT_EQ(samples.size(), 3u);
    EXPECT_FALSE(samples[0].too_long);
    EXPECT_TRUE(samples[1].too_long);
    EXPECT_FALSE(samples[1].right);
    EXPECT_EQ(samples[1].tokens, 0);
    EXPECT_GT(samples[2].tokens, 0);
    EXPECT_TRUE(scorer.answer(scorer.encode(task), std::vector<int64_t>{1}, 1).samples.at(0).too_long);
  }
}

TEST(Scorer, StopsEarlyWithAnExitRule) {
  const ModrModel model = tiny_model(0);
  const Tokenizer tokenizer = Tokenizer::bytes();
  EvalConfig config = tiny_eval_config();
  config.exit = "latent-diff:1e9";  // at once
  const Scorer scorer(model, tokenizer, PromptStyle::plain, config);
  const Task task = tiny_tasks().at(0);
  const auto samples = scorer.answer(scorer.encode(task), all_items(task), 6).samples;
  for (const Sample& sample : samples) EXPECT_LT(sample.mean_steps, 6);
}

}  // namespace
}  // namespace modr
