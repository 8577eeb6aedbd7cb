#include "eval/scorer.hpp"

#include <algorithm>
#include <numeric>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"
#include "eval/answer.hpp"
#include "eval/generation_options.hpp"
#include "model/generate.hpp"

namespace modr {

namespace {

// Finds the answer in a generated text.
void judge(const TaskItem& item, AnswerKind kind, Sample& sample) {
  if (kind == AnswerKind::number) {
    const auto number = extract_number(sample.output);
    sample.extracted = number.value_or("");
    sample.right = number && is_right_number(*number, item.gold);
  } else {
    const auto choice = extract_choice(sample.output, item.choices);
    sample.extracted = choice ? item.choices[*choice] : "";
    sample.right = sample.extracted == item.gold;
  }
}

// What errors call a problem.
std::string problem_name(int64_t index) { return fmt::format("problem {}", index + 1); }

double mean(const std::vector<int64_t>& values) {
  if (values.empty()) return 0;
  return static_cast<double>(std::accumulate(values.begin(), values.end(), int64_t{0})) /
         static_cast<double>(values.size());
}

}  // namespace

uint64_t sample_key(const Task& task, int64_t item) { return fnv1a(task.name) + static_cast<uint64_t>(item); }

EncodedTask Scorer::encode(const Task& task) const {
  EncodedTask encoded{&task, {}};
  for (const TaskItem& item : task.items) encoded.prompts.push_back(prompt_.prompt(item.question));
  return encoded;
}

Answers Scorer::answer(const EncodedTask& task, std::span<const int64_t> items, int64_t num_steps) const {
  const Stopwatch watch;
  Answers answers;
  try {
    answers.samples = task.task->kind == AnswerKind::likely_choice ? choose_answers(task, items, num_steps)
                                                                   : generate_answers(task, items, num_steps);
  } catch (const Error& error) {
    fail("task {} with {} recurrences: {}", task.task->name, num_steps, error.what());
  }
  answers.seconds = watch.seconds();
  return answers;
}

std::vector<Sample> Scorer::generate_answers(const EncodedTask& task, std::span<const int64_t> items,
                                             int64_t num_steps) const {
  std::vector<Sample> samples(items.size());
  std::vector<Prompt> prompts;
  std::vector<std::size_t> places;  // in samples, of each prompt
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& tokens = task.prompts[static_cast<std::size_t>(items[i])];
    samples[i].index = items[i];
    samples[i].too_long = static_cast<int64_t>(tokens.size()) >= model_.config().block_size;
    if (samples[i].too_long) continue;
    prompts.push_back({tokens, sample_key(*task.task, items[i]), problem_name(items[i])});
    places.push_back(i);
  }
  if (prompts.empty()) return samples;
  const auto generations = generate(model_, prompts, generation_options(config_, num_steps, prompt_.end_id()));
  for (std::size_t i = 0; i < generations.size(); ++i) {
    Sample& sample = samples[places[i]];
    sample.output = tokenizer_.decode(generations[i].tokens);
    sample.tokens = static_cast<int64_t>(generations[i].tokens.size());
    sample.mean_steps = mean(generations[i].steps);
    sample.branches = generations[i].branch_counts;
    judge(task.task->items[static_cast<std::size_t>(sample.index)], task.task->kind, sample);
  }
  return samples;
}

ContinuedPrompt Scorer::with_choices(const EncodedTask& task, int64_t index) const {
  ContinuedPrompt prompt{task.prompts[static_cast<std::size_t>(index)], {}, sample_key(*task.task, index),
                         problem_name(index)};
  for (const std::string& choice : task.task->items[static_cast<std::size_t>(index)].choices) {
    prompt.continuations.push_back(tokenizer_.encode(choice_text(choice), false));
    prompt.continuations.back().push_back(prompt_.end_id());
  }
  return prompt;
}

std::vector<Sample> Scorer::choose_answers(const EncodedTask& task, std::span<const int64_t> items,
                                           int64_t num_steps) const {
  std::vector<Sample> samples(items.size());
  std::vector<ContinuedPrompt> prompts;  // those that fit
  std::vector<std::size_t> places;       // in samples, of each prompt
  for (std::size_t i = 0; i < items.size(); ++i) {
    ContinuedPrompt prompt = with_choices(task, items[i]);
    samples[i].index = items[i];
    samples[i].too_long = prompt.positions() > model_.config().block_size;
    if (samples[i].too_long) continue;
    prompts.push_back(std::move(prompt));
    places.push_back(i);
  }
  const auto likelihoods =
      score_continuations(model_, prompts, {num_steps, parse_cache_config(config_.cache), config_.seed});
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Sample& sample = samples[places[i]];
    std::vector<double> scores = likelihoods[i].log_likelihood;
    for (std::size_t j = 0; j < scores.size(); ++j) {
      const auto tokens = std::ssize(prompts[i].continuations[j]);
      sample.tokens += tokens;
      if (config_.length_normalise) scores[j] /= static_cast<double>(tokens);
    }
    sample.mean_steps = static_cast<double>(num_steps);
    sample.branches = likelihoods[i].branch_counts;
    const TaskItem& item = task.task->items[static_cast<std::size_t>(sample.index)];
    if (scores.empty()) continue;
    // Ties go to the earlier choice.
    sample.extracted = item.choices[static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin())];
    sample.output = choice_text(sample.extracted);
    sample.right = sample.extracted == item.gold;
  }
  return samples;
}

}  // namespace modr
