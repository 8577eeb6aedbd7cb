#include "dataset/character_class.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "dataset/unicode_property.hpp"
#include "base/utf8.hpp"

namespace modr {
namespace {

constexpr int kMaxDepth = 32;

CodePointSet hex_digits() { return CodePointSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}}); }

/// The union of properties, e.g. "Alphabetic M".
CodePointSet united_properties(std::initializer_list<std::string_view> names) {
  CodePointSet set;
  for (const std::string_view name : names) set = set.united(known_property(name));
  return set;
}

const CodePointSet& word_characters() {
  static const CodePointSet set = united_properties({"Alphabetic", "M", "Nd", "Pc"});
  return set;
}

/// For \w and \b outside of brackets Oniguruma has a table of the code points below 256, with Latin-1's numbers too.
const CodePointSet& word_characters_and_latin1_numbers() {
  static const CodePointSet set = word_characters().united(CodePointSet({{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}}));
  return set;
}

/// The POSIX brackets' names where Unicode's properties have none, or another set, by that name. Oniguruma takes them
/// in \p{...} too.
std::optional<CodePointSet> posix_set(std::string_view key) {
  if (key == "alnum") return united_properties({"Alphabetic", "Nd"});
  if (key == "blank") return united_properties({"Zs"}).united(CodePointSet::of('\t'));
  if (key == "cntrl") return known_property("Cc");
  if (key == "digit") return known_property("Nd");
  if (key == "punct") return united_properties({"P", "S"});
  if (key == "space") return known_property("White_Space");
  if (key == "word") return word_characters();
  if (key == "xdigit") return hex_digits();
  if (key == "graph") return united_properties({"White_Space", "Cc", "Cs", "Cn"}).complement();
  if (key == "print") return united_properties({"Cc", "Cs", "Cn", "Zl", "Zp"}).complement();
  return std::nullopt;
}

char32_t take_hex(PatternReader& reader, std::string_view digits) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || value > 0x10FFFF || surrogate) {
    reader.fail_here("expected the hexadecimal digits of a code point");
  }
  return value;
}

char32_t take_digits(PatternReader& reader, int count) {
  std::string digits;
  for (int i = 0; i < count; ++i) digits += reader.take();
  return take_hex(reader, digits);
}

/// Reads one class; a nested class without ^ or && is simply more members of the outer one.
class ClassParser {
 public:
  explicit ClassParser(PatternReader& reader) : reader_(reader) {}

  CharacterSet parse(int depth) {
    if (depth > kMaxDepth) reader_.fail_here("character classes are nested too deep");
    const bool negated = reader_.accept("^");
    std::optional<CodePointSet> intersection;  // of what stands before the last &&
    CodePointSet members;
    bool has_members = false;
    const auto close_union = [&] {
      if (!has_members) reader_.fail_here("a character class is empty");
      intersection = intersection ? intersection->intersected(members) : members;
      members = {};
      has_members = false;
    };
    for (bool first = true; first || !reader_.accept("]"); first = false) {
      if (reader_.accept("&&")) {
        close_union();
      } else {
        members = members.united(take_member(depth));
        has_members = true;
      }
    }
    close_union();
    return {std::move(*intersection), negated};
  }

 private:
  CodePointSet take_member(int depth) {
    if (reader_.accept("[:")) {
      const bool negated = reader_.accept("^");
      return named_set(reader_, reader_.take_until(":]"), negated).resolved();
    }
    if (reader_.accept("[")) return ClassParser(reader_).parse(depth + 1).resolved();
    if (const std::optional<CharacterSet> set = accept_set()) return set->resolved();
    return take_range();
  }

  /// \w, \p{...} and the like.
  std::optional<CharacterSet> accept_set() {
    PatternReader ahead = reader_;
    if (!ahead.accept("\\")) return std::nullopt;
    std::optional<CharacterSet> set;
    if (const auto word = ahead.accept_one_of("wW")) {
      set = CharacterSet{word_characters(), *word == 'W'};
    } else if (const auto letter = ahead.accept_one_of(kShorthandLetters)) {
      set = shorthand_set(*letter);
    } else if (const auto property = ahead.accept_one_of("pP")) {
      set = take_property(ahead, *property == 'P', /*in_brackets=*/true);
    }
    if (set) reader_ = ahead;
    return set;
  }

  /// One character, or a range when "-" and a further character follow.
  CodePointSet take_range() {
    const char32_t first = take_char();
    if (!reader_.starts_with("-") || reader_.starts_with("-]")) return CodePointSet::of(first);
    PatternReader behind = reader_;
    behind.accept("-");
    // A "-" before a set or a nested class is an ordinary character.
    if (behind.starts_with("[") || ClassParser(behind).accept_set()) return CodePointSet::of(first);
    reader_.accept("-");
    const char32_t last = take_char();
    if (last < first) reader_.fail_here("range out of order in a character class");
    return CodePointSet({{first, last}});
  }

  char32_t take_char() {
    if (reader_.accept("\\b")) return 0x08;
    if (reader_.accept("\\")) return take_escaped_char(reader_);
    return decode_utf8(reader_.take()).code_point;
  }

  PatternReader& reader_;
};

}  // namespace

CharacterSet shorthand_set(char letter) {
  switch (letter) {
    case 'w':
    case 'W': return {word_characters_and_latin1_numbers(), letter == 'W'};
    case 'd':
    case 'D': return {known_property("Nd"), letter == 'D'};
    case 's':
    case 'S': return {known_property("White_Space"), letter == 'S'};
    case 'h':
    case 'H': return {hex_digits(), letter == 'H'};
    default: fail("\\{} names no set of characters", letter);
  }
}

CharacterSet named_set(const PatternReader& reader, std::string_view name, bool negated) {
  std::optional<CodePointSet> set = posix_set(property_key(name));
  if (!set) set = unicode_property(name);
  if (!set) reader.fail_here(fmt::format("'{}' is an unknown property of characters", name));
  return {std::move(*set), negated};
}

bool PatternReader::accept(std::string_view text) {
  if (!starts_with(text)) return false;
  pos_ += text.size();
  return true;
}

std::optional<char> PatternReader::accept_one_of(std::string_view letters) {
  if (done() || letters.find(pattern_[pos_]) == std::string_view::npos) return std::nullopt;
  return pattern_[pos_++];
}

std::string_view PatternReader::take() {
  if (done()) fail_here("the pattern ends too early");
  const std::size_t length = decode_utf8(pattern_.substr(pos_)).length;
  pos_ += length;
  return pattern_.substr(pos_ - length, length);
}

std::string_view PatternReader::take_until(std::string_view end) {
  const std::size_t found = pattern_.find(end, pos_);
  if (found == std::string_view::npos) fail_here(fmt::format("'{}' is missing", end));
  const std::string_view text = pattern_.substr(pos_, found - pos_);
  pos_ = found + end.size();
  return text;
}

void PatternReader::fail_here(std::string_view what) const { fail("regular expression, byte {}: {}", pos_, what); }

CharacterSet take_property(PatternReader& reader, bool negated, bool in_brackets) {
  if (!reader.accept("{")) reader.fail_here("expected '{' behind \\p");
  if (reader.accept("^")) negated = !negated;
  const std::string_view name = reader.take_until("}");
  const std::string key = property_key(name);
  if (key == "word" && !in_brackets) return {word_characters_and_latin1_numbers(), negated};
  // The property is punctuation alone; the POSIX class of that name has the symbols, too.
  return named_set(reader, key == "punct" ? "Punctuation" : name, negated);
}

char32_t take_escaped_char(PatternReader& reader) {
  if (reader.accept("x{")) return take_hex(reader, reader.take_until("}"));
  if (reader.accept("x")) {
    const char32_t c = take_digits(reader, 2);
    // Beyond ASCII, Oniguruma's \xHH is a raw byte of the encoding, not a code point.
    if (c > 0x7F) reader.fail_here("\\xHH above 7F is not supported");
    return c;
  }
  if (reader.accept("u")) return take_digits(reader, 4);
  const std::string_view c = reader.take();
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  constexpr std::array kControls = {std::pair{'n', 0x0A}, std::pair{'t', 0x09}, std::pair{'r', 0x0D},
                                    std::pair{'f', 0x0C}, std::pair{'v', 0x0B}, std::pair{'a', 0x07},
                                    std::pair{'e', 0x1B}, std::pair{'0', 0x00}};
  for (const auto& [letter, code_point] : kControls) {
    if (c[0] == letter) return static_cast<char32_t>(code_point);
  }
  if (kLetters.find(c) != std::string_view::npos) reader.fail_here(fmt::format("\\{} is not supported", c));
  return decode_utf8(c).code_point;
}

CharacterSet take_class(PatternReader& reader) { return ClassParser(reader).parse(0); }

}  // namespace modr
