#include "eval/scorer.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"
#include "eval/answer.hpp"
#include "eval/generation_options.hpp"
#include "eval/likelihood.hpp"
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

// Which choice of which problem a row of a batch is.
struct ChoiceOfItem {
  std::size_t place;  // of the problem among those that are answered together
  std::string_view choice;
};

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
    prompts.push_back({tokens, sample_key(*task.task, items[i])});
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

std::vector<Sample> Scorer::choose_answers(const EncodedTask& task, std::span<const int64_t> items,
                                           int64_t num_steps) const {
  std::vector<Sample> samples;
  std::vector<Continuation> rows;    // every choice of every problem that fits
  std::vector<ChoiceOfItem> origin;  // of each row
  for (int64_t index : items) {
    samples.emplace_back().index = index;
    const TaskItem& item = task.task->items[static_cast<std::size_t>(index)];
    const std::size_t first = rows.size();
    for (const std::string& choice : item.choices)
      rows.push_back({task.prompts[static_cast<std::size_t>(index)], tokenizer_.encode(choice_text(choice), false),
                      sample_key(*task.task, index)});
    samples.back().too_long = std::ranges::any_of(std::span(rows).subspan(first), [&](const Continuation& row) {
      return row.length() > model_.config().block_size;
    });
    if (samples.back().too_long) rows.resize(first);
    for (std::size_t i = 0; first + i < rows.size(); ++i) origin.push_back({samples.size() - 1, item.choices[i]});
  }
  const auto likelihoods = score_continuations(model_, rows, num_steps, config_.seed);
  std::vector<double> best(samples.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& [place, choice] = origin[i];
    Sample& sample = samples[place];
    const auto tokens = static_cast<int64_t>(rows[i].continuation.size());
    sample.tokens += tokens;
    sample.mean_steps = static_cast<double>(num_steps);
    add_counts(sample.branches, likelihoods[i].branch_counts);
    const double score = likelihoods[i].log_likelihood / (config_.length_normalise ? static_cast<double>(tokens) : 1.0);
    if (!sample.extracted.empty() && score <= best[place]) continue;  // ties go to the earlier choice
    best[place] = score;
    sample.extracted = choice;
    sample.output = choice_text(choice);
    sample.right = choice == task.task->items[static_cast<std::size_t>(sample.index)].gold;
  }
  return samples;
}

}  // namespace modr
