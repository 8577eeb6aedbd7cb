#include "dataset/prompt_template.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hpp"
#include "dataset/chat_template.hpp"
#include "dataset/jsonl.hpp"
#include "dataset/tokenizer.hpp"

namespace modr {
namespace {

namespace fs = std::filesystem;

const Problem kProblem = {.question = "Q?",
                          .solution = "1+2=<<1+2=3>>3\n#### 3",
                          .gold = "3",
                          .family = {},
                          .place = "data.jsonl:4"};

// Byte by byte, with the byte tokenizer's special tokens behind the 256 bytes.
TEST(PromptTemplate, PlainIsShiftedAndEndsWithTheEndToken) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  const PromptTemplate prompts(PromptStyle::plain, tokenizer);
  const Problem problem = {.question = "Q", .solution = "A", .gold = {}, .family = {}, .place = {}};
  const int32_t bos = tokenizer.bos_id(), eos = tokenizer.eos_id();
  EXPECT_EQ(prompts.prompt("Q"), (std::vector<int32_t>{bos, 'Q', '\n'}));
  EXPECT_EQ(prompts.end_id(), eos);
  const Example all = prompts.example(problem, LossOn::all);
  EXPECT_EQ(all.tokens, (std::vector<int32_t>{bos, 'Q', '\n', 'A'}));
  EXPECT_EQ(all.labels, (std::vector<int32_t>{'Q', '\n', 'A', eos}));
  const Example answer = prompts.example(problem, LossOn::answer);
  EXPECT_EQ(answer.tokens, all.tokens);
  EXPECT_EQ(answer.labels, (std::vector<int32_t>{-100, -100, 'A', eos}));
}

// Independent of example(): the whole chat with the assistant's message, and the mask that encode_chat() gives it.
TEST(PromptTemplate, ChatAgreesWithTheWholeChatAndItsLossMask) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  const std::vector<Message> messages = {{"system", std::string(kChatSystemPrompt)},
                                         {"user", kProblem.question},
                                         {"assistant", "1+2=3\n\\boxed{3}"}};
  const ChatTokens whole = encode_chat(tokenizer, messages, ChatEnd::end_of_text);  // ends in <|end_turn|><|end_text|>
  const PromptTemplate prompts(PromptStyle::chat, tokenizer);
  const Example example = prompts.example(kProblem, LossOn::answer);
  const std::size_t size = whole.ids.size() - 2;
  ASSERT_EQ(example.tokens.size(), size);
  for (std::size_t i = 0; i < size; ++i) {
    EXPECT_EQ(example.tokens[i], whole.ids[i]) << i;
    EXPECT_EQ(example.labels[i], whole.loss_mask[i + 1] ? whole.ids[i + 1] : kIgnoreLabel) << i;
  }
  EXPECT_EQ(example.labels.back(), tokenizer.end_turn_id());
  EXPECT_EQ(prompts.end_id(), tokenizer.end_turn_id());
}

TEST(PromptTemplate, PromptIsThePrefixThatTrainingSaw) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  for (auto style : {PromptStyle::plain, PromptStyle::chat}) {
    const PromptTemplate prompts(style, tokenizer);
    const auto prompt = prompts.prompt(kProblem.question);
    const auto tokens = prompts.example(kProblem, LossOn::all).tokens;
    ASSERT_LT(prompt.size(), tokens.size());
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), tokens.begin()));
  }
}

TEST(PromptTemplate, BoxesTheAnswer) {
  EXPECT_EQ(to_boxed_solution("A <<3+4=7>>7.\nB $<<7*2=14>>14\n#### 1,400"), "A 7.\nB $14\n\\boxed{1,400}");
  EXPECT_EQ(to_boxed_solution("#### 5"), "\\boxed{5}");
  EXPECT_EQ(to_boxed_solution("the correct answer is true"), "the correct answer is true");
  EXPECT_EQ(to_boxed_solution("2 << 3 and >"), "2 << 3 and >");
  EXPECT_EQ(to_boxed_solution(""), "");
}

TEST(PromptTemplate, NamesAProblemWithoutSolution) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  Problem problem = kProblem;
  problem.solution.clear();
  try {
    PromptTemplate(PromptStyle::plain, tokenizer).example(problem, LossOn::all);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "data.jsonl:4: expected a solution to train on, found none");
  }
}

// Ids of Hugging Face's tokenizers library 0.23.3 for Huginn's tokenizer.json.
TEST(PromptTemplate, HuginnsChatPrompt) {
  const fs::path file = fs::path(MODR_SHARED_DIR) / "data/tokenizer/tokenizer.json";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not here";
  const Tokenizer tokenizer = Tokenizer::load(file);
  const auto prompt = PromptTemplate(PromptStyle::chat, tokenizer).prompt("What is 2+2?");
  EXPECT_EQ(prompt,
            (std::vector<int32_t>{
      65504, 65506, 7080, 65507, 301, 9394, 2661, 1932, 404, 1932, 44, 295, 3927, 1069, 2937, 1873, 2012,
      11070, 123, 125, 46, 65508, 65506, 5733, 65507, 301, 3248, 305, 402, 43, 50, 63, 65508, 65506, 72,
      3125, 20359, 65507, 301}));
}

}  // namespace
}  // namespace modr
