#include "base/utf8.hpp"

#include <cstdint>
#include <cstring>

#include "base/error.hpp"

namespace modr {
namespace {

/// Bounds of the second byte after a lead byte; they exclude overlong forms, surrogates and all above U+10FFFF.
struct Lead {
  std::size_t length;
  uint8_t low, high;
};

Lead classify_lead(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

/// Python counts the information separators U+001C to U+001F as white space; Unicode does not.
bool is_python_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

}  // namespace

std::size_t ascii_prefix(std::string_view text) {
  std::size_t i = 0;  // eight at a time
  for (uint64_t word; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if (word & 0x8080808080808080ULL) break;
  }
  while (i < text.size() && static_cast<uint8_t>(text[i]) < 0x80) ++i;
  return i;
}

Utf8Char decode_utf8(std::string_view text) {
  const auto first = static_cast<uint8_t>(text.front());
  const Lead lead = classify_lead(first);
  if (lead.length == 0) return {0, 1, false, false};
  if (lead.length == 1) return {first, 1, true, false};
  char32_t code_point = first & (0x7F >> lead.length);
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i >= text.size()) return {0, i, false, true};
    const auto byte = static_cast<uint8_t>(text[i]);
    const uint8_t low = i == 1 ? lead.low : 0x80;
    const uint8_t high = i == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) return {0, i, false, false};
    code_point = code_point << 6 | (byte & 0x3F);
  }
  return {code_point, lead.length, true, false};
}

std::string_view skip_byte_order_mark(std::string_view text, std::string_view file) {
  using namespace std::string_view_literals;
  for (const std::string_view mark : {"\xFF\xFE"sv, "\xFE\xFF"sv, "\x00\x00\xFE\xFF"sv}) {
    if (text.starts_with(mark)) fail("{}: expected UTF-8, found the byte order mark of UTF-16 or UTF-32", file);
  }
  if (text.starts_with("\xEF\xBB\xBF"sv)) text.remove_prefix(3);
  return text;
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t i = ascii_prefix(text);
  while (i < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(i));
    if (!c.valid) break;
    i += c.length;
    if (c.code_point < 0x80) i += ascii_prefix(text.substr(i));
  }
  return i;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    result += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    result += "\xEF\xBF\xBD";
    text.remove_prefix(decode_utf8(text).length);
  }
  return result;
}

std::size_t incomplete_utf8_suffix(std::string_view text) {
  for (std::size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    const std::string_view tail = text.substr(text.size() - length);
    if (is_continuation(tail.front())) continue;
    const Utf8Char c = decode_utf8(tail);
    return c.truncated && c.length == length ? length : 0;
  }
  return 0;
}

std::string_view last_utf8_char(std::string_view text) {
  if (text.empty()) return text;
  std::size_t begin = text.size() - 1;
  while (begin > 0 && is_continuation(text[begin])) --begin;
  return text.substr(begin);
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string_view trim_white_space(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (!c.valid || !is_python_space(c.code_point)) break;
    text.remove_prefix(c.length);
  }
  while (!text.empty()) {
    const std::string_view last = last_utf8_char(text);
    const Utf8Char c = decode_utf8(last);
    if (!c.valid || c.length != last.size() || !is_python_space(c.code_point)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

}  // namespace modr
