#include "dataset/training_set.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "dataset/tokenizer.hpp"
#include "dataset/word_problems.hpp"
#include "support/temporary_folder.hpp"

namespace modr {
namespace {

const std::filesystem::path kDemoTokenizer = std::filesystem::path(MODR_SOURCE_DIR) / "data/demo/tokenizer.json";

// With the byte tokenizer a record of `question` and "#### 1" is BOS, the question, a newline and 6 bytes.
std::string record(const std::string& question) {
  return "{\"question\": \"" + question + "\", \"answer\": \"#### 1\"}\n";
}

Example counting(int32_t first, int32_t size) {
  Example example;
  for (int32_t i = 0; i < size; ++i) {
    example.tokens.push_back(first + i);
    example.labels.push_back(first + i + 1);
  }
  return example;
}

TEST(PackExamples, KeepsExamplesWholeAndInOrder) {
  const auto rows = pack_examples({counting(10, 3), counting(20, 2), counting(30, 4), counting(40, 5)}, 5);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].tokens, (std::vector<int32_t>{10, 11, 12, 20, 21}));
  EXPECT_EQ(rows[0].labels, (std::vector<int32_t>{11, 12, 13, 21, 22}));
  EXPECT_EQ(rows[0].documents, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(rows[1].tokens, counting(30, 4).tokens);
  EXPECT_EQ(rows[1].documents, (std::vector<int64_t>{4}));
  EXPECT_EQ(rows[2].labels, counting(40, 5).labels);
  EXPECT_THROW(pack_examples({counting(0, 6)}, 5), Error);
}

// A record of LLM-Adapters' kind that offers true and false.
std::string choice(const std::string& gold) {
  return R"({"instruction": "Is it? Answer format: true/false", "input": "", "output": "So.", "answer": ")" + gold +
         "\"}";
}

TEST(LoadTrainingSet, CountsRightAnswersThatNoEvaluationCouldScore) {
  const TemporaryFolder folder;
  DatasetConfig config;
  config.train = {
      folder.write("a.jsonl", record("Q") + "{\"question\": \"Q\", \"answer\": \"#### five\"}\n").string(),
      folder.write("b.json", "[" + choice("true") + "," + choice("no") + "]").string()};
  testing::internal::CaptureStderr();
  const TrainingSet set = load_training_set(config, Tokenizer::bytes());
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(set.num_unscorable, 2);
  EXPECT_EQ(set.rows.size(), 4u);
  EXPECT_NE(said.find("warning: an evaluation of the same file would refuse 1 of 2 right answers; the first: "),
            said.npos)
      << said;
  EXPECT_NE(said.find("a.jsonl:2: the right answer: expected a number, found 'five'"), said.npos) << said;
  EXPECT_NE(said.find("b.json: record 2: the right answer: expected one of the choices that the question offers (true, "
                      "false), found 'no'"),
            said.npos)
      << said;
}

TEST(LoadTrainingSet, ReadsFilesInOrder) {
  const TemporaryFolder folder;
  DatasetConfig config;
  config.train = {folder.write("b.jsonl", record("QQ")).string(), folder.write("a.jsonl", record("Q")).string()};
  const Tokenizer tokenizer = Tokenizer::bytes();
  const TrainingSet set = load_training_set(config, tokenizer);
  ASSERT_EQ(set.rows.size(), 2u);
  EXPECT_EQ(set.rows[0].tokens.size(), 10u);
  EXPECT_EQ(set.rows[1].tokens.size(), 9u);
  EXPECT_EQ(set.num_problems, 2);
  EXPECT_EQ(set.num_truncated, 0);
  EXPECT_EQ(set.num_tokens, 19);

  config.packing = Packing::pack;
  config.max_seq_len = 20;
  const TrainingSet packed = load_training_set(config, tokenizer);
  ASSERT_EQ(packed.rows.size(), 1u);
  EXPECT_EQ(packed.rows[0].tokens.size(), 19u);
  EXPECT_EQ(packed.largest_row().longest, 19);
  EXPECT_EQ(packed.largest_row().documents, 2);
  EXPECT_EQ(set.largest_row().documents, 1);
}

// The last token of a document says its end, never the first of the next.
TEST(LoadTrainingSet, NoLabelCrossesTheBoundaryOfDocuments) {
  const TemporaryFolder folder;
  DatasetConfig config;
  config.train = {folder.write("a.jsonl", record("A") + record("B") + record("C")).string()};
  config.packing = Packing::pack;
  config.max_seq_len = 40;
  const Tokenizer tokenizer = Tokenizer::bytes();
  const TrainingSet set = load_training_set(config, tokenizer);
  ASSERT_EQ(set.rows.size(), 1u);
  const Example& row = set.rows[0];
  ASSERT_EQ(row.documents, (std::vector<int64_t>{9, 9, 9}));
  std::size_t end = 0;
  for (const int64_t length : row.documents) {
    end += static_cast<std::size_t>(length);
    EXPECT_EQ(row.labels[end - 1], tokenizer.eos_id());
    EXPECT_NE(row.labels[end - 1], end < row.tokens.size() ? row.tokens[end] : -1);
  }
}

TEST(LoadTrainingSet, KnowsWhereEachRowIsFrom) {
  const TemporaryFolder folder;
  DatasetConfig config;
  const std::string a = folder.write("a.jsonl", record("Q") + record("QQ") + record("QQQ")).string();
  const std::string b = folder.write("b.jsonl", record("QQQQ") + record("Q")).string();
  config.train = {a, b};
  const Tokenizer tokenizer = Tokenizer::bytes();  // examples of 9, 10, 11, 12 and 9 tokens
  EXPECT_EQ(load_training_set(config, tokenizer).places,
            (std::vector<std::string>{a + ":1", a + ":2", a + ":3", b + ":1", b + ":2"}));
  config.packing = Packing::pack;
  config.max_seq_len = 23;
  EXPECT_EQ(load_training_set(config, tokenizer).places,
            (std::vector<std::string>{a + ":1", a + ":3", b + ":2"}));
}

TEST(LoadTrainingSet, CutsAndCountsLongExamples) {
  const TemporaryFolder folder;
  DatasetConfig config;
  config.train = {folder.write("a.jsonl", record("Q") + record("a longer one") + record("QQ")).string()};
  config.loss_on = LossOn::answer;
  config.max_seq_len = 9;
  const TrainingSet set = load_training_set(config, Tokenizer::bytes());
  EXPECT_EQ(set.num_problems, 3);
  EXPECT_EQ(set.num_truncated, 2);
  EXPECT_EQ(set.num_dropped, 1);  // "a longer one" is cut before its answer begins
  ASSERT_EQ(set.rows.size(), 2u);
  EXPECT_EQ(set.rows[1].tokens.size(), 9u);
  EXPECT_EQ(set.rows[1].labels.size(), 9u);
  EXPECT_EQ(set.num_tokens, 18);

  config.max_seq_len = 2;
  EXPECT_THROW(load_training_set(config, Tokenizer::bytes()), Error);
}

TEST(BatchLayout, FollowsThePacking) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  DatasetConfig config;
  config.max_seq_len = 20;
  const std::vector<Example> rows = {counting(0, 5), counting(0, 18)};
  const std::vector<SampleRef> first = {{0, 0}}, both = {{0, 0}, {1, 1}};
  EXPECT_EQ(make_batch(rows, first, batch_layout(config, tokenizer)).seq, 8);
  EXPECT_EQ(make_batch(rows, both, batch_layout(config, tokenizer)).seq, 20);  // not 24: the model may take no more
  EXPECT_EQ(make_batch(rows, first, batch_layout(config, tokenizer)).ids[7], tokenizer.pad_id());
  config.packing = Packing::pack;
  EXPECT_EQ(make_batch(rows, first, batch_layout(config, tokenizer)).seq, 20);
}

// Ids of Hugging Face's tokenizers library 0.23.3.
TEST(DemoTokenizer, EncodesAsItsMakerDoes) {
  const Tokenizer tokenizer = Tokenizer::load(kDemoTokenizer);
  const std::string text =
      "Kim has 10 cups and gets 6 more. How many for each of 2 friends?\n10+6=16\n16/2=8\n#### 8";
  const std::vector<int32_t> ids = {
      365, 271, 16, 15, 310, 285, 368, 21, 332, 13, 263, 266, 294, 290, 431, 17, 409, 30, 198, 16, 15, 10, 21,
      28, 16, 21, 198, 16, 21, 14, 17, 28, 23, 267, 23};
  EXPECT_EQ(tokenizer.encode(text, false), ids);
  EXPECT_EQ(tokenizer.decode(ids), text);
}

// The demo's tokenizer and data fit each other: short rows, a token a digit, and no test asks for a token that
// pre-training never saw.
TEST(LoadTrainingSet, DemoDataIsShortAndHasNoUnseenTokens) {
  const TemporaryFolder folder;
  write_word_problems({.pretrain = 4000, .finetune = 700, .test = 50}, folder.path());
  const Tokenizer tokenizer = Tokenizer::load(kDemoTokenizer);
  EXPECT_LT(tokenizer.vocab_size(), 600);
  EXPECT_EQ(tokenizer.encode("7+10=17", false).size(), 7u);
  EXPECT_EQ(tokenizer.encode(" 12 apples", false).size(), 4u);
  DatasetConfig config;
  config.max_seq_len = 52;
  config.train = {(folder.path() / "pretrain.jsonl").string()};
  const TrainingSet pretrain = load_training_set(config, tokenizer);
  EXPECT_EQ(pretrain.num_truncated, 0);
  EXPECT_LT(static_cast<double>(pretrain.num_tokens) / static_cast<double>(pretrain.rows.size()), 32.0);
  std::vector<bool> seen(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (const Example& row : pretrain.rows)
    for (int32_t token : row.tokens) seen[static_cast<std::size_t>(token)] = true;
  for (const WordProblemFamily& family : word_problem_families()) {
    config.train = {(folder.path() / "test" / (std::string(family.name) + ".jsonl")).string()};
    for (const Example& row : load_training_set(config, tokenizer).rows)
      for (int32_t token : row.tokens)
        EXPECT_TRUE(seen[static_cast<std::size_t>(token)]) << family.name << " " << token;
  }
}

TEST(TrainingSet, DigestsDifferWhereRowsDo) {
  const auto digest = [](std::vector<Example> rows) {
    TrainingSet set;
    set.rows = std::move(rows);
    return digest_of(set);
  };
  const Example a{{1, 2, 3}, {2, 3, 4}}, b{{5, 6}, {6, 7}};
  const std::string whole = digest({a, b});
  EXPECT_EQ(whole.size(), 16u);
  EXPECT_EQ(digest({a, b}), whole);
  std::vector<std::vector<Example>> others{{}, {a}, {b, a}, {a, b, b}};
  others.push_back({{{1, 2, 3}, {2, 3, 5}}, b});
  others.push_back({{{1, 2, 9}, {2, 3, 4}}, b});
  others.push_back({{{1, 2}, {2, 3}}, {{3, 5, 6}, {4, 6, 7}}});
  others.push_back({{{1, 2, 3}, {2, 3, 4}, {1, 2}}, b});
  for (const std::vector<Example>& rows : others) EXPECT_NE(digest(rows), whole);
}

}  // namespace
}  // namespace modr
