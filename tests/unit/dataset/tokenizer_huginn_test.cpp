// Huginn's tokenizer against results of the official Hugging Face tokenizers library.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "dataset/chat_template.hpp"
#include "dataset/tokenizer.hpp"

namespace modr {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

class HuginnTokenizer : public testing::Test {
 protected:
  static std::filesystem::path folder() { return std::filesystem::path(MODR_SHARED_DIR) / "data" / "tokenizer"; }

  void SetUp() override {
    if (!std::filesystem::exists(folder() / "tokenizer.json")) GTEST_SKIP() << folder() << " is not here";
  }

  /// Read once: a file of 65,536 tokens.
  static const Tokenizer& tokenizer() {
    static const Tokenizer loaded = Tokenizer::load(folder() / "tokenizer.json");
    return loaded;
  }

  static json cases(const char* name) {
    std::ifstream file(folder() / name);
    return json::parse(file);
  }
};

TEST_F(HuginnTokenizer, EncodesAsTheReference) {
  const json all = cases("cases.json");
  ASSERT_EQ(all.size(), 150u);
  for (const json& c : all) {
    const std::string text = c["text"];
    EXPECT_EQ(tokenizer().encode(text, false), c["ids"].get<Ids>()) << c["category"] << ": " << c["text"];
    EXPECT_EQ(tokenizer().encode(text, true), c["ids_with_bos"].get<Ids>()) << c["category"] << ": " << c["text"];
  }
}

TEST_F(HuginnTokenizer, DecodesAsTheReference) {
  json all = cases("cases.json");
  for (const json& c : cases("decode_cases.json")) all.push_back(c);
  for (const json& c : all) {
    const Ids ids = c["ids"];
    EXPECT_EQ(tokenizer().decode(ids), c["decoded"].get<std::string>()) << c["ids"];
    EXPECT_EQ(tokenizer().decode(ids, true), c["decoded_skip_special"].get<std::string>()) << c["ids"];
    StreamDecoder stream(tokenizer());
    std::string streamed;
    for (const int32_t id : ids) streamed += stream.push(id);
    EXPECT_EQ(streamed + stream.finish(), c["decoded"].get<std::string>()) << c["ids"];
  }
}

TEST_F(HuginnTokenizer, RendersChatsAsTheReference) {
  const json all = cases("chat_cases.json");
  ASSERT_EQ(all.size(), 6u);
  for (const json& c : all) {
    std::vector<Message> messages;
    for (const json& m : c["messages"]) messages.push_back({m["role"], m["content"]});
    const ChatEnd end = c["add_generation_prompt"] ? ChatEnd::generation_prompt : ChatEnd::end_of_text;
    EXPECT_EQ(render_chat(tokenizer(), messages, end), c["text"].get<std::string>());
    EXPECT_EQ(encode_chat(tokenizer(), messages, end).ids, c["ids"].get<Ids>());
  }
}

TEST_F(HuginnTokenizer, LossCoversTheAnswerAndItsEndOfTurn) {
  const std::vector<Message> messages = {{"user", "Q"}, {"assistant", "A #### 4"}};
  const ChatTokens chat = encode_chat(tokenizer(), messages, ChatEnd::end_of_text);
  Ids learned;
  for (std::size_t i = 0; i < chat.ids.size(); ++i) {
    if (chat.loss_mask[i]) learned.push_back(chat.ids[i]);
  }
  EXPECT_EQ(chat.loss_mask.size(), chat.ids.size());
  EXPECT_EQ(learned, (Ids{65, 30339, 643, 65508}));  // "A", " ####", " 4", "<|end_turn|>"
}

TEST_F(HuginnTokenizer, KnowsItsSpecialTokens) {
  EXPECT_EQ(tokenizer().vocab_size(), 65536);
  EXPECT_EQ(tokenizer().bos_id(), 65504);
  EXPECT_EQ(tokenizer().eos_id(), 65505);
  EXPECT_EQ(tokenizer().end_turn_id(), 65508);
  EXPECT_EQ(tokenizer().pad_id(), 65509);
  EXPECT_EQ(tokenizer().token_id("<|begin_header|>"), 65506);
  EXPECT_TRUE(tokenizer().is_special(65535));
  EXPECT_FALSE(tokenizer().is_special(65503));
  EXPECT_FALSE(tokenizer().is_special(-1));
}

TEST_F(HuginnTokenizer, ManyThreadsShareOne) {
  const json all = cases("cases.json");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong) {
    threads.emplace_back([&all, &count] {
      for (const json& c : all) count += tokenizer().encode(c["text"].get<std::string>(), false) != c["ids"].get<Ids>();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace modr
