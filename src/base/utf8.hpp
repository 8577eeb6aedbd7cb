#pragma once
// UTF-8 as the tokenizer needs it: any bytes are accepted, ill-formed ones are found and never lost.
#include <cstddef>
#include <string>
#include <string_view>

namespace modr {

/// The character at the front of a text, or the ill-formed bytes that stand there.
struct Utf8Char {
  char32_t code_point;  ///< meaningless unless `valid`
  std::size_t length;   ///< bytes of the character, or of the maximal ill-formed subpart (Unicode 15, section 3.9)
  bool valid;
  bool truncated;  ///< ill-formed only because the text ends too early
};

/// Decodes the front of `text`, which must not be empty.
Utf8Char decode_utf8(std::string_view text);

/// Number of leading bytes below 0x80.
std::size_t ascii_prefix(std::string_view text);

/// `text` behind a byte order mark of UTF-8, where it begins with one: what some editors and shells put in front of a
/// file. Throws Error naming `file` when it begins with UTF-16's or UTF-32's.
std::string_view skip_byte_order_mark(std::string_view text, std::string_view file);

/// Length in bytes of the longest well-formed prefix.
std::size_t valid_utf8_prefix(std::string_view text);

/// A copy in which each maximal ill-formed subpart has become U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

/// Number of bytes at the end that are the beginning of a character (0 to 3).
std::size_t incomplete_utf8_suffix(std::string_view text);

/// The last character of a well-formed text, empty for an empty one.
std::string_view last_utf8_char(std::string_view text);

/// Unicode's White_Space property.
bool is_white_space(char32_t code_point);

/// `text` without what Python's str.strip() (and so Jinja's `trim`) takes away at both ends.
std::string_view trim_white_space(std::string_view text);

}  // namespace modr
