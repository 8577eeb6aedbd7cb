#pragma once
// What is asked: problems from a file, and how an answer to them is had and judged.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/gold.hpp"
#include "dataset/jsonl.hpp"
#include "eval/config.hpp"

namespace modr {

/// How the answers of a task are had.
enum class AnswerKind {
  number,            // generated text, from which a number is extracted
  generated_choice,  // generated text, from which a choice is extracted
  likely_choice      // the choice whose text has the highest likelihood
};

/// "number", "generated choice", "likely choice".
std::string_view name_of(AnswerKind kind);

struct TaskItem {
  std::string question;
  std::string gold;                  // a number as parse_number() writes it, or one of `choices`
  std::vector<std::string> choices;  // e.g. "true", "false"; empty for numbers
};

struct Task {
  std::string name;
  AnswerKind kind = AnswerKind::number;
  std::vector<TaskItem> items;
};

/// What an answer that takes `choice` reads like: "the correct answer is true", "The answer is (B).", as in
/// LLM-Adapters' training data.
std::string choice_text(std::string_view choice);

/// A task of `problems`, whose right answers a GoldReader reads. Automatic scoring takes the likelihood for "Answer
/// format: ..." and generates for options with letters, whose answers follow a rationale. Throws Error naming the place
/// of a problem whose gold is not of the task's kind, or when there are no problems.
Task make_task(std::string name, const std::vector<Problem>& problems, ChoiceScoring scoring);

/// The names of the tasks in a data folder, sorted. A task NAME is the first of these files that is there:
/// NAME/test.json, NAME/test.jsonl, test/NAME.jsonl, NAME.jsonl, NAME.json.
/// "all" stands for those of the first three kinds, or, in a folder that has none, for test.json and test.jsonl.
/// Throws Error when there is no such folder.
std::vector<std::string> list_tasks(const std::filesystem::path& data);

/// Reads the config's tasks, each cut to its limit, in the config's order, each name once. Throws Error for a task
/// without a file, naming those that exist, and what read_problems() and make_task() throw.
std::vector<Task> load_tasks(const EvalConfig& config);

}  // namespace modr
