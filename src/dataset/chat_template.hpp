#pragma once
// Huginn's chat format. With `{...}` filled in, each message is
//   <|begin_header|>{role}<|end_header|>\n\n{content without white space at its ends}<|end_turn|>
// with the BOS before the first; the roles "assistant" and "Huginn" are both written "Huginn".
#include <cstdint>
#include <string>
#include <vector>

#include "dataset/tokenizer.hpp"

namespace modr {

struct Message {
  std::string role;
  std::string content;
};

/// What stands behind the last message.
enum class ChatEnd {
  generation_prompt,  ///< the assistant's header: the model is to answer
  end_of_text         ///< the chat is complete
};

struct ChatTokens {
  std::vector<int32_t> ids;
  std::vector<uint8_t> loss_mask;  ///< 1 for each id that is to be learned: the assistant's content and its end of turn
};

/// The chat as text. Throws Error when there is no message.
std::string render_chat(const Tokenizer& tokenizer, const std::vector<Message>& messages, ChatEnd end);

/// The chat as ids. Headers and contents are encoded apart from each other, so that an answer in training gets the ids
/// that generation would give it. Tokens in a content's text ("<|end_turn|>") are recognized, as in Hugging Face's
/// tokenizers. A tokenizer without header tokens has them spelt out; without an end-of-turn token, the end of text
/// closes a message. Throws Error when there is no message or no end-of-text token.
ChatTokens encode_chat(const Tokenizer& tokenizer, const std::vector<Message>& messages, ChatEnd end);

}  // namespace modr
