#pragma once
// What stands between [ and ] in an Oniguruma pattern, and the escapes that name sets of characters.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "dataset/code_point_set.hpp"

namespace modr {

/// A set of characters as it is written: the members, and whether all others are meant.
struct CharacterSet {
  CodePointSet members;
  bool negated = false;

  CodePointSet resolved() const { return negated ? members.complement() : members; }
};

/// The letters that shorthand_set() knows.
inline constexpr std::string_view kShorthandLetters = "wWdDsShH";

/// \w, \d, \s, \h and their complements (the upper-case letters) as they are outside of brackets. Throws Error for
/// another letter.
CharacterSet shorthand_set(char letter);

/// A place in a pattern, from which the parts of the translation read on.
class PatternReader {
 public:
  explicit PatternReader(std::string_view pattern) : pattern_(pattern) {}

  bool done() const { return pos_ == pattern_.size(); }
  std::size_t pos() const { return pos_; }
  bool starts_with(std::string_view text) const { return pattern_.substr(pos_).starts_with(text); }
  /// Moves behind `text` if it stands here.
  bool accept(std::string_view text);
  /// Moves behind the next byte if it is one of `letters`, and returns it.
  std::optional<char> accept_one_of(std::string_view letters);
  /// The next whole character (UTF-8). Throws Error at the pattern's end.
  std::string_view take();
  /// Reads up to and over `end` and returns what stood before it. Throws Error when `end` does not follow.
  std::string_view take_until(std::string_view end);
  /// Throws Error: "regular expression, byte N: ...".
  [[noreturn]] void fail_here(std::string_view what) const;

 private:
  std::string_view pattern_;
  std::size_t pos_ = 0;
};

/// A property or POSIX name: \p{name}, [:name:], which ended where `reader` stands. Throws Error for an unknown one.
CharacterSet named_set(const PatternReader& reader, std::string_view name, bool negated);

/// Reads \p{...} or \P{...} behind the letter (`negated` for P).
CharacterSet take_property(PatternReader& reader, bool negated, bool in_brackets);

/// Reads what follows a backslash as one character (\n, \x{41}, \u0041, an escaped sign). Throws Error for letters that
/// mean nothing here.
char32_t take_escaped_char(PatternReader& reader);

/// Reads a class behind its [ up to its ].
CharacterSet take_class(PatternReader& reader);

}  // namespace modr
