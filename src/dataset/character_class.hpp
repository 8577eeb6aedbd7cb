#pragma once
// What stands between [ and ] in an Oniguruma pattern, and the escapes that name sets of characters.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modr {

/// One set of characters as it is written between [ and ] in PCRE2, e.g. `\p{L}\p{M}`, or its complement.
struct CharacterSet {
  std::string items;
  bool negated = false;

  /// A PCRE2 expression for one character of the set.
  std::string to_pcre2() const { return (negated ? "[^" : "[") + items + "]"; }
};

/// The letters that shorthand_set() knows.
inline constexpr std::string_view kShorthandLetters = "wWdDsShH";

/// \w, \d, \s, \h and their complements (the upper-case letters) as they are outside of brackets. Throws Error for
/// another letter.
CharacterSet shorthand_set(char letter);

/// A property or POSIX name: \p{name}, [:name:]. Throws Error for a name that is empty or has odd characters.
CharacterSet named_set(std::string_view name, bool negated);

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

/// Reads \p{...} or \P{...} behind the letter (`negated` for P).
CharacterSet take_property(PatternReader& reader, bool negated);

/// Reads what follows a backslash as one character (\n, \x{41}, \u0041, an escaped sign): its code point as PCRE2
/// writes it. Throws Error for letters that mean nothing here.
std::string take_escaped_char(PatternReader& reader);

/// Reads a class behind its [ up to its ] and returns a PCRE2 expression that matches one character.
std::string take_class(PatternReader& reader);

}  // namespace modr
