// The default tokenizer without a file, and what holds for every tokenizer: round trips, ill-formed text, streams.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "dataset/chat_template.hpp"
#include "dataset/tokenizer.hpp"
#include "base/utf8.hpp"
#include "tokenizer_support.hpp"

namespace modr {
namespace {

using Ids = std::vector<int32_t>;

std::string random_bytes(PhiloxSequence& random, std::size_t length) {
  std::string text;
  while (text.size() < length) text += static_cast<char>(random.below(256));
  return text;
}

TEST(ByteTokenizer, IdsAreTheBytesAndSixSpecialTokens) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  EXPECT_EQ(tokenizer.vocab_size(), 262);
  EXPECT_EQ(tokenizer.encode("A\n", false), (Ids{65, 10}));
  EXPECT_EQ(tokenizer.encode("", true), (Ids{256}));
  EXPECT_EQ(tokenizer.encode("<|begin_text|>\xC3\xA9<|pad|>", true), (Ids{256, 256, 0xC3, 0xA9, 261}));
  EXPECT_EQ(tokenizer.bos_id(), 256);
  EXPECT_EQ(tokenizer.eos_id(), 257);
  EXPECT_EQ(tokenizer.end_turn_id(), 260);
  EXPECT_EQ(tokenizer.pad_id(), 261);
  EXPECT_EQ(tokenizer.decode(Ids{256, 72, 105, 257}), "<|begin_text|>Hi<|end_text|>");
  EXPECT_EQ(tokenizer.decode(Ids{256, 72, 105, 257}, true), "Hi");
}

TEST(ByteTokenizer, IdsWithoutATokenDecodeToNothing) {
  EXPECT_EQ(Tokenizer::bytes().decode(Ids{72, 262, -1, 2147483647, -2147483647 - 1, 105}), "Hi");
  EXPECT_EQ(Tokenizer::bytes().token(262), std::nullopt);
}

TEST(ByteTokenizer, AnyBytesComeBack) {
  PhiloxSequence random(1, RandomStream::data);
  const Tokenizer small = load_json(small_tokenizer_json());
  for (std::size_t length = 0; length < 300; ++length) {
    const std::string text = random_bytes(random, length);
    for (const Tokenizer& tokenizer : {Tokenizer::bytes(), small}) {
      const Ids ids = tokenizer.encode(text, false);
      EXPECT_EQ(tokenizer.decode_bytes(ids), text);
      EXPECT_EQ(tokenizer.decode(ids), replace_invalid_utf8(text));
      StreamDecoder stream(tokenizer);
      std::string streamed;
      for (const int32_t id : ids) streamed += stream.push(id);
      EXPECT_EQ(streamed + stream.finish(), replace_invalid_utf8(text));
    }
  }
}

TEST(ByteTokenizer, AStreamHoldsBackIncompleteCharacters) {
  StreamDecoder stream(Tokenizer::bytes());
  EXPECT_EQ(stream.push(0xF0), "");
  EXPECT_EQ(stream.push(0x9F), "");
  EXPECT_EQ(stream.push(0x98), "");
  EXPECT_EQ(stream.push(0x80), "\xF0\x9F\x98\x80");
  EXPECT_EQ(stream.push(0xE2), "");
  EXPECT_EQ(stream.push('a'), "\xEF\xBF\xBD" "a");
  EXPECT_EQ(stream.push(0xE2), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(ByteTokenizer, ChatInBytes) {
  const Tokenizer tokenizer = Tokenizer::bytes();
  const std::vector<Message> messages = {{"user", " Q\xE3\x80\x80\n"}, {"assistant", "A"}};
  EXPECT_EQ(render_chat(tokenizer, messages, ChatEnd::end_of_text),
            "<|begin_text|><|begin_header|>user<|end_header|>\n\nQ<|end_turn|>"
            "<|begin_header|>Huginn<|end_header|>\n\nA<|end_turn|><|end_text|>");
  const ChatTokens chat = encode_chat(tokenizer, messages, ChatEnd::end_of_text);
  EXPECT_EQ(chat.ids, tokenizer.encode(render_chat(tokenizer, messages, ChatEnd::end_of_text), false));
  EXPECT_EQ(std::accumulate(chat.loss_mask.begin(), chat.loss_mask.end(), 0), 2);
  EXPECT_EQ(std::vector(chat.loss_mask.end() - 3, chat.loss_mask.end()), (std::vector<uint8_t>{1, 1, 0}));

  const ChatTokens prompt = encode_chat(tokenizer, {{"user", "Q"}}, ChatEnd::generation_prompt);
  // A prompt is what training saw before the answer.
  EXPECT_TRUE(std::equal(prompt.ids.begin(), prompt.ids.end(), chat.ids.begin()));
  EXPECT_EQ(std::accumulate(prompt.loss_mask.begin(), prompt.loss_mask.end(), 0), 0);
  EXPECT_THROW(encode_chat(tokenizer, {}, ChatEnd::end_of_text), Error);
}

TEST(ByteTokenizer, ChatSpellsOutHeadersThatAreNoTokens) {
  const Tokenizer tokenizer = load_json(small_tokenizer_json());
  const ChatTokens chat = encode_chat(tokenizer, {{"assistant", "hello"}}, ChatEnd::end_of_text);
  EXPECT_EQ(tokenizer.decode(chat.ids), "<s><|begin_header|>Huginn<|end_header|>\n\nhello</s></s>");
  EXPECT_EQ(std::vector(chat.ids.end() - 3, chat.ids.end()), (Ids{259, 263, 263}));
}

TEST(Utf8, IllFormedPartsAreThoseOfTheStandard) {
  // Unicode 15, table 3-11 and its neighbours: overlong forms, surrogates and values beyond U+10FFFF byte by byte.
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(replace_invalid_utf8("0123456789\xE2\x82\xAC\xF4\x8F\xBF\xBF"), "0123456789\xE2\x82\xAC\xF4\x8F\xBF\xBF");
}

TEST(Utf8, TrimsAsPython) {
  EXPECT_EQ(trim_white_space("\x1C \xC2\xA0 a b \xE2\x80\xA8\xE3\x80\x80\r\n"), "a b");
  EXPECT_EQ(trim_white_space(" \n"), "");
  EXPECT_EQ(trim_white_space("\xE2\x80\x8B x\xFF "), "\xE2\x80\x8B x\xFF");  // U+200B is no white space
}

}  // namespace
}  // namespace modr
