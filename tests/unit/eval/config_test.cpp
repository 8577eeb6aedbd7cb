#include "eval/config.hpp"

#include <gtest/gtest.h>

#include "eval/generation_options.hpp"
#include "support/expect_error.hpp"

namespace modr {
namespace {

EvalConfig good() {
  EvalConfig config;
  config.data = "data";
  config.tasks = {"a"};
  return config;
}

TEST(EvalConfig, NamesTheFieldThatIsWrong) {
  good().validate();
  const auto wrong = [](auto change, const std::vector<std::string>& parts) {
    EvalConfig config = good();
    change(config);
    expect_error([&] { config.validate(); }, parts);
  };
  wrong([](EvalConfig& c) { c.data = ""; }, {"eval.data", "folder"});
  wrong([](EvalConfig& c) { c.tasks = {}; }, {"eval.tasks", "at least one"});
  wrong([](EvalConfig& c) { c.tasks = {"a", ""}; }, {"eval.tasks[1]", "name"});
  wrong([](EvalConfig& c) { c.num_steps = {1, 0}; }, {"eval.num_steps", "from 1", "found 0"});
  wrong([](EvalConfig& c) { c.num_steps = {10001}; }, {"eval.num_steps", "to 10000", "found 10001"});
  wrong([](EvalConfig& c) { c.max_new_tokens = 0; }, {"eval.max_new_tokens", "at least 1"});
  wrong([](EvalConfig& c) { c.batch = -2; }, {"eval.batch", "found -2"});
  wrong([](EvalConfig& c) { c.limit = -1; }, {"eval.limit", "at least 0"});
  wrong([](EvalConfig& c) { c.cache = "half"; }, {"eval.cache", "half"});
  wrong([](EvalConfig& c) { c.exit = "bored"; }, {"eval.exit", "bored"});
  wrong([](EvalConfig& c) { c.exit = "kl:"; }, {"eval.exit", "threshold"});
  wrong([](EvalConfig& c) { c.exit = "kl:1e-3x"; }, {"eval.exit", "1e-3x"});
  wrong([](EvalConfig& c) { c.exit = "kl:-1"; }, {"eval.exit", "-1"});
}

TEST(EvalConfig, ReadsExitRulesAndScoring) {
  EXPECT_EQ(parse_exit_spec("kl:0.25").criterion, ExitCriterion::kl);
  EXPECT_EQ(parse_exit_spec("kl:0.25").threshold, 0.25);
  EXPECT_EQ(parse_exit_spec("argmax-stability").threshold, 5);
  for (const auto scoring : {ChoiceScoring::automatic, ChoiceScoring::likelihood, ChoiceScoring::generate})
    EXPECT_EQ(parse_choice_scoring(name_of(scoring)), scoring);
  expect_error([] { parse_choice_scoring("guess"); }, {"auto, likelihood or generate", "guess"});
}

}  // namespace
}  // namespace modr
