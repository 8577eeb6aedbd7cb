#pragma once
// A small random model and some tasks, for tests of the evaluation.
#include <string>
#include <vector>

#include "eval/config.hpp"
#include "eval/task.hpp"
#include "support/tiny_model.hpp"

namespace modr {

/// In double, so that texts do not hang on rounding; with branches that differ.
inline ModrModel tiny_model(int64_t n_branches) {
  ModelConfig config = testing::tiny_config(n_branches);
  config.vocab_size = 262;
  config.block_size = 128;
  config.mean_recurrence = 4;
  ModrModel model(config, DType::f64);
  testing::randomize(model, 5);
  return model;
}

inline EvalConfig tiny_eval_config() {
  EvalConfig config;
  config.data = "unused";
  config.tasks = {"numbers", "choices"};
  config.num_steps = {1, 3};
  config.max_new_tokens = 12;
  config.batch = 3;
  config.seed = 3;
  return config;
}

/// Ten questions for numbers, seven for choices.
inline std::vector<Task> tiny_tasks() {
  Task numbers{"numbers", AnswerKind::number, {}}, choices{"choices", AnswerKind::likely_choice, {}};
  for (int i = 0; i < 10; ++i) {
    const auto length = static_cast<std::size_t>(3 + i * 7 % 11);
    numbers.items.push_back({std::string(length, static_cast<char>('a' + i)), "4", {}});
  }
  for (int i = 0; i < 7; ++i)
    choices.items.push_back({"Is it " + std::to_string(i * i) + "?", i % 2 ? "yes" : "no", {"yes", "no", "perhaps"}});
  return {numbers, choices};
}

}  // namespace modr
