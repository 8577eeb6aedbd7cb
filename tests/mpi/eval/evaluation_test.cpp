#include "eval/evaluation.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support/mpi_world.hpp"
#include "support/tiny_eval.hpp"

namespace modr {
namespace {

// What must not depend on the number of ranks: everything but times.
std::string without_times(TaskResult result) {
  return fmt::format("{} {} {} ", result.task, name_of(result.kind), result.num_steps) + pack({result.samples, 0});
}

TEST(Evaluation, GivesTheSameResultsOnAnyNumberOfRanks) {
  const ModrModel model = tiny_model(3);
  const Tokenizer tokenizer = Tokenizer::bytes();
  const ModelUnderTest tested{"tiny", model, tokenizer, PromptStyle::plain};
  const auto tasks = tiny_tasks();
  const EvalConfig config = tiny_eval_config();
  const ModelResult alone = evaluate(Communicator::self(), tested, tasks, config, true);
  const ModelResult together = evaluate(mpi_world(), tested, tasks, config, true);
  if (!mpi_world().is_root()) {
    EXPECT_TRUE(together.results.empty());
    return;
  }
  ASSERT_EQ(alone.results.size(), 4u);  // two tasks with two depths
  ASSERT_EQ(together.results.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(without_times(together.results[i]), without_times(alone.results[i]));
    const auto& samples = together.results[i].samples;
    ASSERT_EQ(samples.size(), tasks[i / 2].items.size());
    for (std::size_t item = 0; item < samples.size(); ++item)
      EXPECT_EQ(samples[item].index, static_cast<int64_t>(item));
  }
  EXPECT_EQ(together.prompts, alone.prompts);
  EXPECT_EQ(together.prompts.at(1).at(2), "<|begin_text|>Is it 4?\n");
}

TEST(Evaluation, UsesTheModelsDepthWhenNoneIsGiven) {
  const ModrModel model = tiny_model(0);
  const Tokenizer tokenizer = Tokenizer::bytes();
  EvalConfig config = tiny_eval_config();
  config.num_steps = {};
  const auto result =
      evaluate(mpi_world(), {"tiny", model, tokenizer, PromptStyle::plain}, tiny_tasks(), config, true).results;
  if (!mpi_world().is_root()) return;
  ASSERT_EQ(result.size(), 2u);
  EXPECT_EQ(result[0].num_steps, 4);
  EXPECT_TRUE(totals(result[0]).branch_shares().empty());
}

TEST(Evaluation, FailsOnAllRanksWithTheTasksName) {
  const ModrModel model = tiny_model(0);
  const Tokenizer tokenizer = Tokenizer::bytes();
  auto tasks = tiny_tasks();
  EvalConfig config = tiny_eval_config();
  config.exit = "unknown";
  try {
    evaluate(mpi_world(), {"tiny", model, tokenizer, PromptStyle::plain}, tasks, config, true);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("task numbers with 3 recurrences"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace modr
