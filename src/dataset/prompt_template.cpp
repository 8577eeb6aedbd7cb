#include "dataset/prompt_template.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "dataset/chat_template.hpp"
#include "dataset/jsonl.hpp"
#include "dataset/tokenizer.hpp"

namespace modr {

namespace {

std::string without_calculator_notes(std::string_view text) {
  std::string plain;
  while (true) {
    const auto open = text.find("<<");
    const auto close = open == std::string_view::npos ? open : text.find(">>", open);
    plain += text.substr(0, close == std::string_view::npos ? close : open);
    if (close == std::string_view::npos) return plain;
    text.remove_prefix(close + 2);
  }
}

}  // namespace

std::string to_boxed_solution(std::string_view solution) {
  std::string text = without_calculator_notes(solution);
  const auto mark = text.rfind("#### ");
  if (mark == std::string::npos) return text;
  return fmt::format("{}\\boxed{{{}}}", text.substr(0, mark), text.substr(mark + 5));
}

std::vector<int32_t> PromptTemplate::prompt(std::string_view question) const {
  if (style_ == PromptStyle::chat) {
    const std::vector<Message> chat = {{"system", std::string(kChatSystemPrompt)}, {"user", std::string(question)}};
    return encode_chat(tokenizer_, chat, ChatEnd::generation_prompt).ids;
  }
  // Not encode(..., add_bos): some tokenizer.json files add an end token there too.
  std::vector<int32_t> ids = tokenizer_.encode(fmt::format("{}\n", question), false);
  if (tokenizer_.has_bos()) ids.insert(ids.begin(), tokenizer_.bos_id());
  return ids;
}

int32_t PromptTemplate::end_id() const {
  return style_ == PromptStyle::chat ? tokenizer_.end_turn_id() : tokenizer_.eos_id();
}

Example PromptTemplate::example(const Problem& problem, LossOn loss_on) const {
  if (problem.solution.empty()) fail("{}: expected a solution to train on, found none", problem.place);
  const bool chat = style_ == PromptStyle::chat;
  Example example;
  example.tokens = prompt(problem.question);
  const std::size_t prompt_length = example.tokens.size();
  const std::vector<int32_t> solution =
      tokenizer_.encode(chat ? to_boxed_solution(problem.solution) : problem.solution, false);
  example.tokens.insert(example.tokens.end(), solution.begin(), solution.end());
  example.labels.assign(example.tokens.begin() + 1, example.tokens.end());
  example.labels.push_back(end_id());
  if (loss_on == LossOn::answer) std::fill_n(example.labels.begin(), prompt_length - 1, kIgnoreLabel);
  return example;
}

}  // namespace modr
