#pragma once
// Answers from a model.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataset/prompt_template.hpp"
#include "dataset/tokenizer.hpp"
#include "eval/config.hpp"
#include "eval/likelihood.hpp"
#include "eval/sample.hpp"
#include "eval/task.hpp"
#include "model/modr_model.hpp"

namespace modr {

/// A task with its questions as tokens.
struct EncodedTask {
  const Task* task = nullptr;
  std::vector<std::vector<int32_t>> prompts;
};

/// The key of a problem's random states: with the seed, it decides what a model answers.
uint64_t sample_key(const Task& task, int64_t item);

/// Lets one model answer problems. An answer depends on (seed, task's name, problem's index), and not on rank, time or
/// the problems that share a batch.
class Scorer {
 public:
  /// All arguments must outlive the scorer.
  Scorer(const ModrModel& model, const Tokenizer& tokenizer, PromptStyle style, const EvalConfig& config)
      : model_(model), tokenizer_(tokenizer), prompt_(style, tokenizer), config_(config) {}

  EncodedTask encode(const Task& task) const;
  /// The problems `items` of a task, together, with `num_steps` recurrences; samples in the order of `items`.
  Answers answer(const EncodedTask& task, std::span<const int64_t> items, int64_t num_steps) const;

 private:
  std::vector<Sample> generate_answers(const EncodedTask& task, std::span<const int64_t> items,
                                       int64_t num_steps) const;
  /// A problem's prompt with its choices, each with the token that ends an answer: a choice that another begins with can
  /// win.
  ContinuedPrompt with_choices(const EncodedTask& task, int64_t index) const;
  std::vector<Sample> choose_answers(const EncodedTask& task, std::span<const int64_t> items, int64_t num_steps) const;

  const ModrModel& model_;
  const Tokenizer& tokenizer_;
  PromptTemplate prompt_;
  const EvalConfig& config_;
};

}  // namespace modr
