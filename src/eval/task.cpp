#include "eval/task.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "dataset/json_field.hpp"
#include "dataset/regex.hpp"
#include "eval/answer.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFormatMark = "Answer format: ";

bool is_letter(std::string_view choice) { return choice.size() == 1; }

// The choices of "Answer format: answer1/answer2" at the question's end.
std::vector<std::string> format_choices(std::string_view question) {
  const auto mark = question.rfind(kFormatMark);
  if (mark == std::string_view::npos) return {};
  static const Regex word(R"([A-Za-z0-9_]+)");
  std::vector<std::string> choices;
  const std::string_view rest = question.substr(mark + kFormatMark.size());
  const std::string_view line = rest.substr(0, rest.find('\n'));
  word.for_each_match(line, [&](std::size_t begin, std::size_t end) {
    choices.emplace_back(line.substr(begin, end - begin));
  });
  return choices;
}

// The letters of "(A) 23 (B) 24" or "A ) 23 , B ) 24": A, B, C, ... as far as they follow each other.
std::vector<std::string> letter_choices(std::string_view question) {
  static const Regex option(R"((?<!\w)[A-Z] ?\))");
  std::vector<std::string> choices;
  option.for_each_match(question, [&](std::size_t begin, std::size_t) {
    if (question[begin] == static_cast<char>('A' + choices.size())) choices.emplace_back(1, question[begin]);
  });
  if (choices.size() < 2) choices.clear();
  return choices;
}

AnswerKind choice_kind(std::string_view question, ChoiceScoring scoring) {
  if (scoring == ChoiceScoring::automatic)
    scoring = format_choices(question).empty() ? ChoiceScoring::generate : ChoiceScoring::likelihood;
  return scoring == ChoiceScoring::likelihood ? AnswerKind::likely_choice : AnswerKind::generated_choice;
}

TaskItem make_item(const Problem& problem, AnswerKind kind) {
  TaskItem item{problem.question, problem.gold, {}};
  if (kind == AnswerKind::number) {
    const auto number = parse_number(problem.gold);
    if (!number) fail("{}: the right answer: expected a number, found {}", problem.place, excerpt(problem.gold));
    item.gold = *number;
    return item;
  }
  item.choices = find_choices(problem.question);
  if (std::ranges::find(item.choices, item.gold) == item.choices.end())
    fail("{}: the right answer: expected one of the choices that the question offers ({}), found {}", problem.place,
         item.choices.empty() ? "none" : fmt::format("{}", fmt::join(item.choices, ", ")),
         excerpt(problem.gold));
  return item;
}

// Where the file of a task may be, the likeliest first.
std::vector<fs::path> candidates(const fs::path& data, const std::string& task) {
  return {data / task / "test.json", data / task / "test.jsonl", data / "test" / (task + ".jsonl"),
          data / (task + ".jsonl"), data / (task + ".json")};
}

std::optional<fs::path> find_file(const fs::path& data, const std::string& task) {
  for (const fs::path& path : candidates(data, task))
    if (fs::is_regular_file(path)) return path;
  return std::nullopt;
}

// Tasks with a folder or a place in test/ of their own, and files that lie in the data folder itself.
struct FoundTasks {
  std::set<std::string> proper, loose;
};

FoundTasks find_tasks(const fs::path& data) {
  if (!fs::is_directory(data)) fail("{}: expected a folder with the tasks' files, found none", data.string());
  FoundTasks found;
  for (const auto& entry : fs::directory_iterator(data)) {
    const fs::path& path = entry.path();
    if (fs::is_regular_file(path / "test.json") || fs::is_regular_file(path / "test.jsonl"))
      found.proper.insert(path.filename().string());
    else if (entry.is_regular_file() && (path.extension() == ".jsonl" || path.extension() == ".json"))
      found.loose.insert(path.stem().string());
  }
  if (fs::is_directory(data / "test"))
    for (const auto& entry : fs::directory_iterator(data / "test"))
      if (entry.is_regular_file() && entry.path().extension() == ".jsonl")
        found.proper.insert(entry.path().stem().string());
  return found;
}

std::vector<std::string> named_tasks(const EvalConfig& config) {
  std::vector<std::string> names;
  for (const std::string& name : config.tasks) {
    const std::vector<std::string> group = name == "all" ? list_tasks(config.data) : std::vector{name};
    for (const std::string& task : group)
      if (std::ranges::find(names, task) == names.end()) names.push_back(task);
  }
  return names;
}

}  // namespace

std::string_view name_of(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::number: return "number";
    case AnswerKind::generated_choice: return "generated choice";
    case AnswerKind::likely_choice: return "likely choice";
  }
  fail("unknown kind of answer");
}

std::string choice_text(std::string_view choice) {
  return is_letter(choice) ? fmt::format("The answer is ({}).", choice)
                           : fmt::format("the correct answer is {}", choice);
}

std::vector<std::string> find_choices(std::string_view question) {
  auto choices = format_choices(question);
  return choices.empty() ? letter_choices(question) : choices;
}

Task make_task(std::string name, const std::vector<Problem>& problems, ChoiceScoring scoring) {
  if (problems.empty()) fail("task '{}': expected at least one problem, found none", name);
  Task task{std::move(name), AnswerKind::number, {}};
  const Problem& first = problems.front();
  const auto choices = find_choices(first.question);
  if (std::ranges::find(choices, first.gold) != choices.end()) task.kind = choice_kind(first.question, scoring);
  for (const Problem& problem : problems) task.items.push_back(make_item(problem, task.kind));
  return task;
}

std::vector<std::string> list_tasks(const fs::path& data) {
  const FoundTasks found = find_tasks(data);
  if (found.proper.empty() && found.loose.contains("test")) return {"test"};
  return {found.proper.begin(), found.proper.end()};
}

std::vector<Task> load_tasks(const EvalConfig& config) {
  std::vector<Task> tasks;
  for (const std::string& name : named_tasks(config)) {
    const auto path = find_file(config.data, name);
    if (!path) {
      FoundTasks found = find_tasks(config.data);
      found.proper.merge(found.loose);
      std::vector<std::string> tried;
      for (const fs::path& candidate : candidates({}, name)) tried.push_back(candidate.string());
      fail("{}: no task {} (looked for {}); there are: {}", config.data, excerpt(name), fmt::join(tried, ", "),
           found.proper.empty() ? "none" : fmt::format("{}", fmt::join(found.proper, ", ")));
    }
    std::vector<Problem> problems = read_problems(*path);
    if (config.limit > 0 && static_cast<int64_t>(problems.size()) > config.limit)
      problems.erase(problems.begin() + config.limit, problems.end());
    tasks.push_back(make_task(name, problems, config.choices));
  }
  if (tasks.empty())
    fail("{}: expected files of tasks (NAME/test.json, NAME/test.jsonl or test/NAME.jsonl), found none", config.data);
  return tasks;
}

}  // namespace modr
