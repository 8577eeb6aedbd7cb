#include "eval/task.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "support/expect_error.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kNumber = R"({"question": "1+1?", "answer": "#### 2"})";

std::string choice_record(const std::string& instruction, const std::string& answer) {
  return R"([{"instruction": ")" + instruction + R"(", "input": "", "output": "", "answer": ")" + answer + R"("}])";
}

EvalConfig config_for(const std::filesystem::path& data, Words tasks) {
  EvalConfig config;
  config.data = data.string();
  config.tasks = std::move(tasks);
  return config;
}

TEST(FindChoices, ReadsTheThreeWordings) {
  EXPECT_EQ(find_choices("Is it?\n\nAnswer format: true/false"), (Words{"true", "false"}));
  EXPECT_EQ(find_choices("Option1: Sarah Option2: Maria Answer format: option1/option2"),
            (Words{"option1", "option2"}));
  EXPECT_EQ(find_choices("Find it. Answer Choices: (A) 23.65 (B) f(A) (C) 35"), (Words{"A", "B", "C"}));
  EXPECT_EQ(find_choices("what ? The options: A ) 38 , B ) 27 , C ) x"), (Words{"A", "B", "C"}));
  EXPECT_EQ(find_choices("How many of plan (A)?"), Words{});
  EXPECT_EQ(find_choices("How many?"), Words{});
}

TEST(MakeTask, TellsNumbersFromChoices) {
  const std::vector<Problem> letters = {{"Which? (A) 1 (B) 2", "", "B", "", "f:1"}};
  const std::vector<Problem> words = {{"Which? Answer format: yes/no", "", "no", "", "f:1"}};
  EXPECT_EQ(make_task("t", letters, ChoiceScoring::automatic).kind, AnswerKind::generated_choice);
  EXPECT_EQ(make_task("t", letters, ChoiceScoring::likelihood).kind, AnswerKind::likely_choice);
  EXPECT_EQ(make_task("t", words, ChoiceScoring::automatic).kind, AnswerKind::likely_choice);
  EXPECT_EQ(make_task("t", words, ChoiceScoring::generate).kind, AnswerKind::generated_choice);
  const Task numbers = make_task("t", {{"How many (A) or (B)?", "", "1,250.0", "", "f:1"}}, ChoiceScoring::likelihood);
  EXPECT_EQ(numbers.kind, AnswerKind::number);
  EXPECT_EQ(numbers.items[0].gold, "1250");
  EXPECT_EQ(choice_text("B"), "The answer is (B).");
  EXPECT_EQ(choice_text("no"), "the correct answer is no");
}

TEST(MakeTask, NamesTheProblemThatDoesNotFit) {
  const auto make = [](std::vector<Problem> problems) {
    return [problems] { make_task("t", problems, ChoiceScoring::automatic); };
  };
  expect_error(make({}), {"task 't'", "at least one problem"});
  expect_error(make({{"How many?", "", "many", "", "file:3"}}), {"file:3", "expected a number", "many"});
  const Problem good = {"Answer format: yes/no", "", "no", "", "f:1"};
  expect_error(make({good, {"Answer format: yes/no", "", "maybe", "", "f:2"}}), {"f:2", "yes, no", "maybe"});
  expect_error(make({good, {"Well?", "", "no", "", "f:2"}}), {"f:2", "none"});
}

TEST(LoadTasks, FindsFilesInAllTheirPlaces) {
  const TemporaryFolder folder;
  for (const char* name : {"one", "two", "test"}) std::filesystem::create_directory(folder.path() / name);
  folder.write("one/test.json", choice_record("Answer format: yes/no", "no"));
  folder.write("two/test.jsonl", std::string(kNumber) + "\n" + kNumber + "\n");
  folder.write("test/three.jsonl", kNumber);
  folder.write("train.jsonl", kNumber);
  EXPECT_EQ(list_tasks(folder.path()), (Words{"one", "three", "two"}));
  const auto tasks = load_tasks(config_for(folder.path(), {"train", "all", "two"}));
  Words names;
  for (const Task& task : tasks) names.push_back(task.name);
  EXPECT_EQ(names, (Words{"train", "one", "three", "two"}));
  EXPECT_EQ(tasks[3].items.size(), 2u);
  EvalConfig limited = config_for(folder.path(), {"two"});
  limited.limit = 1;
  EXPECT_EQ(load_tasks(limited)[0].items.size(), 1u);
}

TEST(LoadTasks, TakesAFolderThatIsOneDataSet) {
  const TemporaryFolder folder;
  folder.write("test.jsonl", kNumber);
  folder.write("train.jsonl", kNumber);
  EXPECT_EQ(list_tasks(folder.path()), Words{"test"});
}

TEST(LoadTasks, TakesAFolderUnderItsOwnName) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "sums");
  folder.write("sums/test.jsonl", kNumber);
  folder.write("sums/train.jsonl", kNumber);
  for (const char* written : {"sums", "sums/", "sums/."})
    EXPECT_EQ(load_tasks(config_for(folder.path() / written, {"sums"})).at(0).name, "sums") << written;
  expect_error([&] { load_tasks(config_for(folder.path() / "sums", {"sum"})); }, {"no task 'sum'", "test, train"});
}

TEST(LoadTasks, SaysWhatItLookedForAndWhatThereIs) {
  const TemporaryFolder folder;
  const auto load = [&](const std::string& task) {
    return [&, task] { load_tasks(config_for(folder.path(), {task})); };
  };
  expect_error(load("all"), {folder.path().string(), "test/NAME.jsonl", "found none"});
  expect_error(load("x"), {"no task 'x'", "there are: none"});
  folder.write("one.jsonl", kNumber);
  expect_error(load("x"), {"no task 'x'", "x/test.jsonl", "there are: one"});
  expect_error([&] { load_tasks(config_for(folder.path() / "missing", {"all"})); }, {"missing", "expected a folder"});
  folder.write("empty.jsonl", "");
  expect_error(load("empty"), {"empty.jsonl", "empty data set"});
  folder.write("bad.jsonl", std::string(kNumber) + "\n{");
  expect_error(load("bad"), {"bad.jsonl:2", "malformed JSON"});
}

TEST(LoadTasks, ReadsAllSetsOfLlmAdapters) {
  const std::filesystem::path folder = std::filesystem::path(MODR_SHARED_DIR) / "data/llm_adapters";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  const std::map<std::string, AnswerKind> others = {
      {"AddSub", AnswerKind::number},        {"MultiArith", AnswerKind::number},
      {"SVAMP", AnswerKind::number},         {"SingleEq", AnswerKind::number},
      {"gsm8k", AnswerKind::number},         {"mawps", AnswerKind::number},
      {"AQuA", AnswerKind::generated_choice}, {"mathqa", AnswerKind::generated_choice}};
  const auto tasks = load_tasks(config_for(folder, {"all"}));
  EXPECT_EQ(tasks.size(), 16u);
  for (const Task& task : tasks) {
    const auto found = others.find(task.name);
    EXPECT_EQ(task.kind, found == others.end() ? AnswerKind::likely_choice : found->second) << task.name;
  }
  for (const Task& task : tasks) {
    if (task.kind != AnswerKind::generated_choice) continue;
    for (const TaskItem& item : task.items) ASSERT_EQ(item.choices.size(), 5u) << task.name << ": " << item.question;
  }
}

}  // namespace
}  // namespace modr
