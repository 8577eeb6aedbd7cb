#include "eval/answer.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "dataset/jsonl.hpp"
#include "dataset/prompt_template.hpp"

namespace modr {
namespace {

struct Case {
  std::string text, answer;  // "-": no answer
};

TEST(ExtractNumber, FindsTheAnswerInTextsOfAllKinds) {
  const std::vector<Case> cases = {
      // The last number.
      {"4", "4"},
      {"3+4=7\n7*2=14", "14"},
      {"The answer is 9.8.", "9.8"},
      {"He has 5 apples.", "5"},
      {"It is 1,234,567 in all.", "1234567"},
      {"It costs $1,250.50.", "1250.5"},
      {"It costs $ 2.00", "2"},
      {"about 35%", "35"},
      {"EUR: €12,5", "5"},
      {"1, 2, 3", "3"},
      {"12,34", "34"},
      {"007", "7"},
      {"3.0", "3"},
      {"3.1400", "3.14"},
      {"half is .5", "0.5"},
      {"Rs.500", "500"},
      {"-0", "0"},
      {"-0.0", "0"},
      {"it is -15.0", "-15"},
      {"it is -$15", "-15"},
      {"it is $-15", "-15"},
      {"it is +15", "15"},
      {"it is \u221215", "-15"},
      {"12-5", "5"},
      {"x-5", "5"},
      {"(1+2)-5", "5"},
      {"10 - 3", "3"},
      {"= -3", "-3"},
      {"pages 10-20", "20"},
      {"1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"},
      {"0.30000000000000004", "0.30000000000000004"},
      {"1/2", "2"},
      {"3.", "3"},
      {"3.14.", "3.14"},
      {"no number", "-"},
      {"", "-"},
      {".", "-"},
      {"-$,%", "-"},
      {"\u0663", "-"},
      // "#### N" goes before everything else.
      {"3+4=7\n#### 7", "7"},
      {"#### 7\nQuestion: 5 and 6?", "7"},
      {"#### 7\n#### 8", "7"},
      {"####7", "7"},
      {"#### $1,000", "1000"},
      {"#### 12 dollars and 50 cents", "12"},
      {"#### x = 5", "5"},
      {"####\n9", "9"},
      {"#### none\n#### 4", "4"},
      {"\\boxed{3} #### 4", "4"},
      {"#### -3.50", "-3.5"},
      // \boxed{...} goes before the last number; the last box counts.
      {"so \\boxed{42}, which is 7 more than 35", "42"},
      {"\\boxed{1} or rather \\boxed{2}.", "2"},
      {"\\boxed{\\text{about } 5}", "5"},
      {"\\boxed{5 \\text{ m}^2}", "5"},
      {"\\boxed{x = 5}", "5"},
      {"\\boxed{2 + 3 = 5} in 1 step", "5"},
      {"\\boxed{\\$1{,}000} 3", "1000"},
      {"\\boxed{1\\,000} 3", "1000"},
      {"\\boxed{18\\%} 3", "18"},
      {"\\boxed{-\\$18} 3", "-18"},
      {"\\boxed{17", "17"},
      {"\\boxed{none} 5", "5"},
      {"\\boxed{8} or \\boxed{none}", "8"},
      {"\\boxed{}", "-"},
  };
  for (const Case& c : cases) EXPECT_EQ(extract_number(c.text).value_or("-"), c.answer) << c.text;
}

TEST(ParseNumber, TakesNumbersAndNothingElse) {
  const std::vector<Case> cases = {
      {"18", "18"},       {" 18 ", "18"},   {"18.", "18"},      {"18.0", "18"},  {"-15.0", "-15"},
      {"+3", "3"},        {"70,000", "70000"}, {"$5", "5"},     {"5%", "5"},     {"-$1,250.50", "-1250.5"},
      {"00.50", "0.5"},   {"0", "0"},       {"18 apples", "-"}, {"A", "-"},      {"", "-"},
      {"1 2", "-"},       {"3-2", "-"},     {"--3", "-"},       {"1.2.3", "-"},  {"12,34", "-"},
  };
  for (const Case& c : cases) EXPECT_EQ(parse_number(c.text).value_or("-"), c.answer) << c.text;
}

TEST(IsRightNumber, ComparesDigitsAndAllowsForRoundedFractionsOnly) {
  EXPECT_TRUE(is_right_number("18", "18"));
  EXPECT_FALSE(is_right_number("-18", "18"));
  EXPECT_FALSE(is_right_number("12345678901234567891", "12345678901234567890"));  // equal as doubles
  EXPECT_FALSE(is_right_number("9.801", "9.8"));
  EXPECT_TRUE(is_right_number("1.833", "1.8333333333333335"));
  EXPECT_FALSE(is_right_number("1.83", "1.8333333333333335"));
  EXPECT_TRUE(is_right_number("0.3", "0.30000000000000004"));
}

TEST(ExtractChoice, FindsTheChoiceThatIsTheAnswer) {
  const std::vector<std::string> letters = {"A", "B", "C"}, words = {"answer1", "answer2"}, truth = {"true", "false"};
  EXPECT_EQ(extract_choice("The answer is (B).", letters), 1u);
  EXPECT_EQ(extract_choice("A: as B says, the answer is C. A", letters), 2u);
  EXPECT_EQ(extract_choice("\\boxed{(A) 23} and B", letters), 0u);
  EXPECT_EQ(extract_choice("first A, then b, at last B", letters), 1u);
  EXPECT_EQ(extract_choice("APPLE b", letters), std::nullopt);
  EXPECT_EQ(extract_choice("the correct answer is answer2", words), 1u);
  EXPECT_EQ(extract_choice("the correct answer is answer23", words), std::nullopt);
  EXPECT_EQ(extract_choice("answer1 is wrong, so the correct answer is Answer2", words), 1u);
  EXPECT_EQ(extract_choice("True.", truth), 0u);
  EXPECT_EQ(extract_choice("untrue", truth), std::nullopt);
  EXPECT_EQ(extract_choice("", truth), std::nullopt);
}

// The reference solutions of GSM8K end in the number that the file calls right.
TEST(ExtractNumber, ReproducesEveryGoldOfGsm8k) {
  const std::filesystem::path path = std::filesystem::path(MODR_SHARED_DIR) / "data/gsm8k/test.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto problems = read_problems(path);
  EXPECT_EQ(problems.size(), 1319u);
  for (const Problem& problem : problems) {
    const auto gold = parse_number(problem.gold);
    ASSERT_TRUE(gold) << problem.place;
    EXPECT_EQ(extract_number(problem.solution), gold) << problem.place;
    EXPECT_EQ(extract_number(to_boxed_solution(problem.solution)), gold) << problem.place;
  }
}

// LLM-Adapters' solutions were written by a language model, which was wrong now and then. How many are right was
// counted with a few lines of Python (the last match of a regular expression, compared as fractions).
TEST(ExtractNumber, FindsTheAnswersOfLlmAdapters) {
  const std::filesystem::path folder = std::filesystem::path(MODR_SHARED_DIR) / "data/llm_adapters";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  struct Set {
    std::string name;
    int right, with_number, size;
  };
  for (const Set& set : {Set{"AddSub", 370, 395, 395}, Set{"MultiArith", 560, 600, 600}, Set{"SingleEq", 484, 508, 508},
                         Set{"SVAMP", 803, 1000, 1000}, Set{"gsm8k", 771, 1313, 1319}}) {
    int right = 0, with_number = 0, size = 0;
    for (const Problem& problem : read_problems(folder / set.name / "test.json")) {
      const auto gold = parse_number(problem.gold);
      ASSERT_TRUE(gold) << problem.place << " " << problem.gold;
      const auto number = extract_number(problem.solution);
      ++size;
      with_number += number.has_value();
      right += number && is_right_number(*number, *gold);
    }
    EXPECT_EQ(size, set.size) << set.name;
    EXPECT_EQ(with_number, set.with_number) << set.name;
    EXPECT_EQ(right, set.right) << set.name;
  }
}

}  // namespace
}  // namespace modr
