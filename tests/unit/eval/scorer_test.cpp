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
        std::vector<int32_t> tokens = tokenizer.encode(choice_text(choice), false);
        tokens.push_back(prompts.end_id());
        const ContinuedPrompt row{prompts.prompt(task.items[i].question), {tokens},
                                  sample_key(task, static_cast<int64_t>(i))};
        double score = score_continuations(model, {&row, 1}, {2, {}, config.seed}).front().log_likelihood.front();
        if (normalise) score /= static_cast<double>(tokens.size());
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

// Of two choices one of which the other begins with, either can be the likelier: the end of an answer is part of it.
TEST(Scorer, AChoiceThatAnotherBeginsWithCanWinOrLose) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  const EvalConfig config = tiny_eval_config();
  const Task task{"prefixes", AnswerKind::likely_choice, {{"Which?", "ending1", {"ending1", "ending10"}}}};
  int longer = 0, shorter = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    ModrModel model = tiny_model(0);
    testing::randomize(model, seed);
    for (const Parameter& parameter : model.parameters())  // logits that differ by many nats
      if (parameter.name == "transformer.wte.weight")
        for (double& value : parameter.variable.value().span<double>()) value *= 40;
    const Scorer scorer(model, tokenizer, PromptStyle::plain, config);
    const auto sample = scorer.answer(scorer.encode(task), std::vector<int64_t>{0}, 2).samples.at(0);
    ++(sample.extracted == "ending10" ? longer : shorter);
  }
  EXPECT_GT(longer, 0);
  EXPECT_GT(shorter, 0);
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
