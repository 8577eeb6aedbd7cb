#include "dataset/added_tokens.hpp"

#include <algorithm>

#include "dataset/unicode_property.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

std::size_t white_space_prefix(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(length));
    if (!is_white_space(c.code_point)) break;
    length += c.length;
  }
  return length;
}

std::size_t white_space_suffix(std::string_view text) {
  std::size_t length = 0;
  for (std::string_view last; !(last = last_utf8_char(text)).empty(); text.remove_suffix(last.size())) {
    if (!is_white_space(decode_utf8(last).code_point)) break;
    length += last.size();
  }
  return length;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::ranges::sort(tokens_, {}, &AddedToken::content);
  for (const AddedToken& token : tokens_) {
    begins_[static_cast<uint8_t>(token.content.front())] = true;
    // Unicode's word characters, as Rust's regex library has them.
    if (token.single_word && word_.empty()) {
      for (const char* name : {"Alphabetic", "M", "Nd", "Pc", "Join_Control"}) {
        word_ = word_.united(known_property(name));
      }
    }
  }
}

const AddedToken* AddedTokenMatcher::longest_at(std::string_view text) const {
  const AddedToken* longest = nullptr;
  auto first = tokens_.begin(), last = tokens_.end();
  for (std::size_t depth = 0; depth < text.size(); ++depth) {
    // All tokens from `first` to `last` agree with the text in their first `depth` bytes; the shortest stands in front.
    const auto byte_at_depth = [depth](const AddedToken& token) {
      return depth < token.content.size() ? static_cast<int>(static_cast<uint8_t>(token.content[depth])) : -1;
    };
    const int byte = static_cast<uint8_t>(text[depth]);
    first = std::partition_point(first, last, [&](const AddedToken& token) { return byte_at_depth(token) < byte; });
    last = std::partition_point(first, last, [&](const AddedToken& token) { return byte_at_depth(token) == byte; });
    if (first == last) break;
    if (first->content.size() == depth + 1) longest = &*first;
  }
  return longest;
}

bool AddedTokenMatcher::stands_alone(std::string_view before, std::string_view behind) const {
  if (!before.empty() && word_.contains(decode_utf8(last_utf8_char(before)).code_point)) return false;
  return behind.empty() || !word_.contains(decode_utf8(behind).code_point);
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::find(std::string_view text, std::size_t from) const {
  if (tokens_.empty()) return std::nullopt;
  for (std::size_t pos = from; pos < text.size(); ++pos) {
    if (!begins_[static_cast<uint8_t>(text[pos])]) continue;
    const AddedToken* token = longest_at(text.substr(pos));
    if (token == nullptr) continue;
    std::size_t begin = pos;
    std::size_t end = pos + token->content.size();
    if (token->single_word && !stands_alone(text.substr(0, begin), text.substr(end))) {
      pos = end - 1;  // the search goes on behind it, not inside
      continue;
    }
    if (token->lstrip) begin -= white_space_suffix(text.substr(from, begin - from));
    if (token->rstrip) end += white_space_prefix(text.substr(end));
    return Match{begin, end, token->id};
  }
  return std::nullopt;
}

}  // namespace modr
