#include "dataset/chat_template.hpp"

#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

constexpr std::string_view kBeginHeader = "<|begin_header|>";
constexpr std::string_view kEndHeader = "<|end_header|>";
constexpr std::string_view kAssistant = "Huginn";

bool is_assistant(std::string_view role) { return role == kAssistant || role == "assistant"; }

/// Walks over a chat in order; `Writer` has token(id), marker(text) and text(text, learn), learn being the loss mask.
template <typename Writer>
void write_chat(const Tokenizer& tokenizer, const std::vector<Message>& messages, ChatEnd end, Writer& writer) {
  if (messages.empty()) fail("a chat needs at least one message");
  const auto write_header = [&](std::string_view role) {
    writer.marker(kBeginHeader);
    writer.text(is_assistant(role) ? kAssistant : role, false);
    writer.marker(kEndHeader);
    writer.text("\n\n", false);
  };
  if (tokenizer.has_bos()) writer.token(tokenizer.bos_id(), false);
  for (const Message& message : messages) {
    const bool learn = is_assistant(message.role);
    write_header(message.role);
    writer.text(trim_white_space(message.content), learn);
    writer.token(tokenizer.end_turn_id(), learn);
  }
  if (end == ChatEnd::generation_prompt) {
    write_header(kAssistant);
  } else {
    writer.token(tokenizer.eos_id(), false);
  }
}

struct TextWriter {
  const Tokenizer& tokenizer;
  std::string out = {};

  void token(int32_t id, bool) { out += tokenizer.token(id).value(); }
  void marker(std::string_view name) { out += name; }
  void text(std::string_view text, bool) { out += text; }
};

struct IdWriter {
  const Tokenizer& tokenizer;
  ChatTokens out = {};

  void token(int32_t id, bool learn) {
    out.ids.push_back(id);
    out.loss_mask.push_back(learn);
  }
  void marker(std::string_view name) {
    if (const auto id = tokenizer.token_id(name)) {
      token(*id, false);
    } else {
      text(name, false);
    }
  }
  void text(std::string_view text, bool learn) {
    for (const int32_t id : tokenizer.encode(text, false)) token(id, learn);
  }
};

}  // namespace

std::string render_chat(const Tokenizer& tokenizer, const std::vector<Message>& messages, ChatEnd end) {
  TextWriter writer{tokenizer};
  write_chat(tokenizer, messages, end, writer);
  return std::move(writer.out);
}

ChatTokens encode_chat(const Tokenizer& tokenizer, const std::vector<Message>& messages, ChatEnd end) {
  IdWriter writer{tokenizer};
  write_chat(tokenizer, messages, end, writer);
  return std::move(writer.out);
}

}  // namespace modr
