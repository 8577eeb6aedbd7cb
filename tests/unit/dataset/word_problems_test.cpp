#include "dataset/word_problems.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "dataset/jsonl.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

constexpr WordProblemConfig kSmall{.seed = 5, .pretrain = 2000, .finetune = 1400, .test = 120};

std::vector<int> numbers_in(const std::string& text) {
  static const std::regex number("[0-9]+");
  std::vector<int> found;
  for (std::sregex_iterator it(text.begin(), text.end(), number), end; it != end; ++it)
    found.push_back(std::stoi(it->str()));
  return found;
}

// Works the steps anew from the text alone: every operand is a number of the question or an earlier result, every
// number of the question is used, no result is negative or fractional, and the last one is the answer.
void check_worked(const WordProblem& problem, const WordProblemFamily& family) {
  SCOPED_TRACE(problem.question + "\n" + problem.answer);
  static const std::regex step_form("([0-9]+)([-+*/])([0-9]+)=([0-9]+)");
  std::multiset<int> unused;
  for (int number : numbers_in(problem.question)) unused.insert(number);
  std::set<int> known(unused.begin(), unused.end());
  std::istringstream lines(problem.answer);
  std::string line;
  int steps = 0, last = -1;
  while (std::getline(lines, line) && !line.starts_with("####")) {
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, step_form));
    const int left = std::stoi(match[1]), right = std::stoi(match[3]);
    const char operation = match[2].str()[0];
    ASSERT_TRUE(known.contains(left) && known.contains(right));
    ASSERT_TRUE(operation != '/' || left % right == 0);
    last = operation == '+' ? left + right : operation == '-' ? left - right : operation == '*' ? left * right
                                                                                               : left / right;
    ASSERT_EQ(last, std::stoi(match[4]));
    ASSERT_GT(last, 0);
    known.insert(last);
    for (int operand : {left, right})
      if (const auto found = unused.find(operand); found != unused.end()) unused.erase(found);
    ++steps;
  }
  EXPECT_EQ(line, "#### " + std::to_string(last));
  EXPECT_EQ(problem.result, last);
  EXPECT_TRUE(unused.empty());
  EXPECT_GE(steps, family.min_steps);
  EXPECT_LE(steps, family.max_steps);
}

const WordProblemFamily& family_named(std::string_view name) {
  for (const WordProblemFamily& family : word_problem_families())
    if (family.name == name) return family;
  fail("no family {}", name);
}

std::vector<WordProblem> all_problems(const WordProblemSet& set) {
  std::vector<WordProblem> all = set.pretrain;
  all.insert(all.end(), set.finetune.begin(), set.finetune.end());
  for (const auto& test : set.tests) all.insert(all.end(), test.begin(), test.end());
  return all;
}

TEST(WordProblems, EveryAnswerFollowsFromItsSteps) {
  for (const WordProblem& problem : all_problems(generate_word_problems(kSmall)))
    check_worked(problem, family_named(problem.family));
}

TEST(WordProblems, TextsAreShortAndNoQuestionIsSeenTwice) {
  const auto all = all_problems(generate_word_problems(kSmall));
  std::set<std::string> questions;
  for (const WordProblem& problem : all) {
    EXPECT_LE(problem.question.size(), 95u) << problem.question;
    EXPECT_LE(problem.answer.size(), 40u) << problem.answer;
    EXPECT_EQ(problem.question.find_first_of("{}"), std::string::npos) << problem.question;
    questions.insert(problem.question);
  }
  EXPECT_EQ(questions.size(), all.size());
}

TEST(WordProblems, FamiliesStandWhereTheyBelong) {
  const auto rows = summarize(generate_word_problems(kSmall));
  ASSERT_EQ(rows.size(), word_problem_families().size());
  for (const FamilySummary& row : rows) {
    const FamilyStage stage = row.family->first_stage;
    EXPECT_EQ(row.pretrain, stage == FamilyStage::pretrain ? kSmall.pretrain / 5 : 0);
    EXPECT_EQ(row.finetune, stage == FamilyStage::test ? 0 : kSmall.finetune / 7);
    EXPECT_EQ(row.test, kSmall.test);
    EXPECT_LT(row.chance, 0.3) << row.family->name;
  }
}

TEST(WordProblems, SeedDecidesAndTestsDoNotDependOnTrainingSizes) {
  const auto set = generate_word_problems(kSmall);
  WordProblemConfig other = kSmall;
  other.pretrain = 100;
  const auto smaller = generate_word_problems(other);
  other.seed = 6;
  const auto reseeded = generate_word_problems(other);
  EXPECT_EQ(set.tests[0][7].question, smaller.tests[0][7].question);
  EXPECT_EQ(set.pretrain[99].question, smaller.pretrain[99].question);
  EXPECT_NE(set.pretrain[0].question + set.pretrain[1].question,
            reseeded.pretrain[0].question + reseeded.pretrain[1].question);
}

TEST(WordProblems, LargestSizesCanBeFilled) {
  const WordProblemConfig largest{.seed = 1, .pretrain = 60000, .finetune = 42000, .test = 750};
  EXPECT_EQ(generate_word_problems(largest).finetune.size(), 42000u);
}

TEST(WordProblems, WritesFilesThatReadBackAndLeavesRightOnesAlone) {
  const TemporaryFolder folder;
  write_word_problems(kSmall, folder.path());
  const auto set = generate_word_problems(kSmall);
  const auto problems = read_problems(folder.path() / "test" / "chain.jsonl");
  ASSERT_EQ(problems.size(), 120u);
  EXPECT_EQ(problems[3].question, set.tests[4][3].question);
  EXPECT_EQ(problems[3].solution, set.tests[4][3].answer);
  EXPECT_EQ(problems[3].gold, std::to_string(set.tests[4][3].result));
  EXPECT_EQ(problems[3].family, "chain");

  std::ifstream manifest(folder.path() / "manifest.json");
  EXPECT_EQ(nlohmann::json::parse(manifest).at("families").size(), word_problem_families().size());

  const auto written = fs::last_write_time(folder.path() / "pretrain.jsonl");
  folder.write("finetune.jsonl", "damaged");
  write_word_problems(kSmall, folder.path());
  EXPECT_EQ(fs::last_write_time(folder.path() / "pretrain.jsonl"), written);
  EXPECT_EQ(read_problems(folder.path() / "finetune.jsonl").size(), 1400u);
  for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
    EXPECT_NE(entry.path().extension(), ".tmp");
}

TEST(WordProblems, RefusesImpossibleSizesAndFolders) {
  const auto message_for = [](WordProblemConfig config) {
    try {
      config.validate();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message_for({.pretrain = 0}), "word problems: pretrain: expected a number from 1 to 60000, found 0");
  EXPECT_EQ(message_for({.finetune = 100000}),
            "word problems: finetune: expected a number from 1 to 42000, found 100000");
  EXPECT_EQ(message_for({.test = -1}), "word problems: test: expected a number from 1 to 750, found -1");
  const TemporaryFolder folder;
  folder.write("file", "");
  EXPECT_THROW(write_word_problems(kSmall, folder.path() / "file"), Error);
}

}  // namespace
}  // namespace modr
