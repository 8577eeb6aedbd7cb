#pragma once
// A small random model and some tasks, for tests of the evaluation.
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "eval/config.hpp"
#include "eval/task.hpp"
#include "model/modr_model.hpp"

namespace modr {

/// In double, so that texts do not hang on rounding; with branches that differ.
inline ModrModel tiny_model(int64_t n_branches) {
  ModelConfig config;
  config.n_embd = 16;
  config.n_heads = 2;
  config.intermediate_size = 32;
  config.vocab_size = 262;
  config.block_size = 128;
  config.mean_recurrence = 4;
  config.mean_backprop_depth = 2;
  config.branches.n_branches = n_branches;
  config.branches.lora_rank = 2;
  ModrModel model(config, DType::f64);
  model.initialize(5);
  PhiloxSequence random(1, RandomStream::init);
  for (const Parameter& parameter : model.parameters())
    if (parameter.name.ends_with(".lora_B"))
      for (double& value : parameter.variable.value().span<double>()) value = random.normal();
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
