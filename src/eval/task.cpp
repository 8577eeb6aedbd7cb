#include "eval/task.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "dataset/json_field.hpp"

namespace modr {

namespace fs = std::filesystem;

namespace {

bool is_letter(std::string_view choice) { return choice.size() == 1; }

AnswerKind choice_kind(std::string_view question, ChoiceScoring scoring) {
  if (scoring == ChoiceScoring::automatic)
    scoring = asks_by_format(question) ? ChoiceScoring::likelihood : ChoiceScoring::generate;
  return scoring == ChoiceScoring::likelihood ? AnswerKind::likely_choice : AnswerKind::generated_choice;
}

// Where the file of a task may be, the likeliest first.
std::vector<fs::path> candidates(const fs::path& data, const std::string& task) {
  std::vector<fs::path> paths{data / task / "test.json", data / task / "test.jsonl", data / "test" / (task + ".jsonl"),
                              data / (task + ".jsonl"), data / (task + ".json")};
  if (data.empty()) return paths;
  const fs::path folder = fs::absolute(data / "").lexically_normal().parent_path();  // without "." and a slash behind it
  if (folder.filename() == task)  // the folder is that task's own
    paths.insert(paths.end(), {data / "test.json", data / "test.jsonl"});
  return paths;
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

Task make_task(std::string name, const std::vector<Problem>& problems, ChoiceScoring scoring) {
  if (problems.empty()) fail("task '{}': expected at least one problem, found none", name);
  Task task{std::move(name), AnswerKind::number, {}};
  const GoldReader reader(problems.front());
  if (reader.asks_for_choices()) task.kind = choice_kind(problems.front().question, scoring);
  for (const Problem& problem : problems) {
    Gold gold = reader.read(problem);
    task.items.push_back({problem.question, std::move(gold.text), std::move(gold.choices)});
  }
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
