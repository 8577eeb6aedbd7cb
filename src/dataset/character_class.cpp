#include "dataset/character_class.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "dataset/utf8.hpp"

namespace modr {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::string_view kAnyCharacter = "[\\x{0}-\\x{10FFFF}]";
constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
// For \w and \b outside of brackets Oniguruma has a table of the code points below 256, with Latin-1's numbers too.
constexpr std::string_view kLatin1Numbers = "\\x{B2}\\x{B3}\\x{B9}\\x{BC}\\x{BD}\\x{BE}";

using NamePair = std::pair<std::string_view, std::string_view>;

/// Names that PCRE2 lacks or reads otherwise; lower case, without '_', '-' and spaces. Others are PCRE2's own.
constexpr std::array kNames = {
    NamePair{"alnum", "\\p{Alphabetic}\\p{Nd}"},
    NamePair{"alpha", "\\p{Alphabetic}"},
    NamePair{"blank", "\\p{Zs}\\t"},
    NamePair{"cntrl", "\\p{Cc}"},
    NamePair{"digit", "\\p{Nd}"},
    NamePair{"lower", "\\p{Lowercase}"},
    NamePair{"punct", "\\p{P}\\p{S}"},
    NamePair{"space", "\\p{White_Space}"},
    NamePair{"upper", "\\p{Uppercase}"},
    NamePair{"word", kWord},
    NamePair{"xdigit", "0-9A-Fa-f"},
    NamePair{"letter", "\\p{L}"},
    NamePair{"lowercaseletter", "\\p{Ll}"},
    NamePair{"uppercaseletter", "\\p{Lu}"},
    NamePair{"titlecaseletter", "\\p{Lt}"},
    NamePair{"modifierletter", "\\p{Lm}"},
    NamePair{"otherletter", "\\p{Lo}"},
    NamePair{"mark", "\\p{M}"},
    NamePair{"nonspacingmark", "\\p{Mn}"},
    NamePair{"spacingmark", "\\p{Mc}"},
    NamePair{"enclosingmark", "\\p{Me}"},
    NamePair{"number", "\\p{N}"},
    NamePair{"decimalnumber", "\\p{Nd}"},
    NamePair{"letternumber", "\\p{Nl}"},
    NamePair{"othernumber", "\\p{No}"},
    NamePair{"punctuation", "\\p{P}"},
    NamePair{"symbol", "\\p{S}"},
    NamePair{"mathsymbol", "\\p{Sm}"},
    NamePair{"currencysymbol", "\\p{Sc}"},
    NamePair{"modifiersymbol", "\\p{Sk}"},
    NamePair{"othersymbol", "\\p{So}"},
    NamePair{"separator", "\\p{Z}"},
    NamePair{"spaceseparator", "\\p{Zs}"},
    NamePair{"other", "\\p{C}"},
    NamePair{"control", "\\p{Cc}"},
    NamePair{"format", "\\p{Cf}"},
};

std::string code_point_item(char32_t c) { return fmt::format("\\x{{{:X}}}", static_cast<uint32_t>(c)); }

std::string take_hex(PatternReader& reader, std::string_view digits) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || value > 0x10FFFF || surrogate) {
    reader.fail_here("expected the hexadecimal digits of a code point");
  }
  return code_point_item(value);
}

std::string take_digits(PatternReader& reader, int count) {
  std::string digits;
  for (int i = 0; i < count; ++i) digits += reader.take();
  return take_hex(reader, digits);
}

/// The members of one union inside a class: items for PCRE2's brackets, and sets that need an expression of their own.
struct Union {
  std::string items;
  std::vector<std::string> others;

  void add(const CharacterSet& set) {
    if (set.negated) {
      others.push_back(set.to_pcre2());
    } else {
      items += set.items;
    }
  }
  bool empty() const { return items.empty() && others.empty(); }
  std::string to_pcre2() const {
    std::string result = items.empty() ? "" : "[" + items + "]";
    for (const std::string& other : others) result += (result.empty() ? "" : "|") + other;
    return others.empty() ? result : "(?:" + result + ")";
  }
};

/// Reads one class; a nested class without ^ or && is simply more members of the outer one.
class ClassParser {
 public:
  explicit ClassParser(PatternReader& reader) : reader_(reader) {}

  std::string parse(int depth) {
    if (depth > kMaxDepth) reader_.fail_here("character classes are nested too deep");
    const bool negated = reader_.accept("^");
    std::vector<Union> intersection(1);
    for (bool first = true; first || !reader_.accept("]"); first = false) {
      if (reader_.accept("&&")) {
        intersection.emplace_back();
      } else {
        add_member(intersection.back(), depth);
      }
    }
    for (const Union& part : intersection) {
      if (part.empty()) reader_.fail_here("a character class is empty");
    }
    return to_pcre2(intersection, negated);
  }

 private:
  static std::string to_pcre2(const std::vector<Union>& intersection, bool negated) {
    if (intersection.size() == 1 && intersection[0].others.empty()) {
      return (negated ? "[^" : "[") + intersection[0].items + "]";
    }
    std::string result;
    for (std::size_t i = 0; i + 1 < intersection.size(); ++i) result += "(?=" + intersection[i].to_pcre2() + ")";
    result += intersection.back().to_pcre2();
    return negated ? fmt::format("(?:(?!{}){})", result, kAnyCharacter) : "(?:" + result + ")";
  }

  void add_member(Union& members, int depth) {
    if (reader_.accept("[:")) {
      const bool negated = reader_.accept("^");
      members.add(named_set(reader_.take_until(":]"), negated));
    } else if (reader_.accept("[")) {
      // "[...]" of one plain union can be poured into the outer brackets.
      const std::string nested = ClassParser(reader_).parse(depth + 1);
      if (nested.starts_with("[^") || !nested.starts_with("[")) {
        members.others.push_back(nested);
      } else {
        members.items += nested.substr(1, nested.size() - 2);
      }
    } else if (const std::optional<CharacterSet> set = accept_set()) {
      members.add(*set);
    } else {
      members.items += take_range();
    }
  }

  /// \w, \p{...} and the like.
  std::optional<CharacterSet> accept_set() {
    PatternReader ahead = reader_;
    if (!ahead.accept("\\")) return std::nullopt;
    std::optional<CharacterSet> set;
    if (const auto letter = ahead.accept_one_of("wW")) {
      set = named_set("word", *letter == 'W');
    } else if (const auto other = ahead.accept_one_of(kShorthandLetters)) {
      set = shorthand_set(*other);
    }
    if (const auto letter = ahead.accept_one_of("pP")) set = take_property(ahead, *letter == 'P');
    if (set) reader_ = ahead;
    return set;
  }

  /// One character, or a range when "-" and a further character follow.
  std::string take_range() {
    const std::string first = take_char();
    if (!reader_.starts_with("-") || reader_.starts_with("-]")) return first;
    PatternReader behind = reader_;
    behind.accept("-");
    // A "-" before a set or a nested class is an ordinary character.
    if (behind.starts_with("[") || ClassParser(behind).accept_set()) return first;
    reader_.accept("-");
    return first + "-" + take_char();
  }

  std::string take_char() {
    if (reader_.accept("\\b")) return "\\x{8}";
    if (reader_.accept("\\")) return take_escaped_char(reader_);
    return code_point_item(decode_utf8(reader_.take()).code_point);
  }

  PatternReader& reader_;
};

}  // namespace

CharacterSet shorthand_set(char letter) {
  switch (letter) {
    case 'w':
    case 'W': return {fmt::format("{}{}", kWord, kLatin1Numbers), letter == 'W'};
    case 'd': return {"\\p{Nd}", false};
    case 'D': return {"\\P{Nd}", false};
    case 's': return {"\\p{White_Space}", false};
    case 'S': return {"\\P{White_Space}", false};
    case 'h': return {"0-9A-Fa-f", false};
    case 'H': return {"0-9A-Fa-f", true};
    default: fail("\\{} names no set of characters", letter);
  }
}

CharacterSet named_set(std::string_view name, bool negated) {
  std::string key;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (c != '_' && c != '-' && c != ' ') {
      fail("regular expression: '{}' is no property's name", name);
    }
  }
  for (const auto& [known, items] : kNames) {
    if (key == known) return {std::string(items), negated};
  }
  return {fmt::format("\\{}{{{}}}", negated ? 'P' : 'p', name), false};
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

CharacterSet take_property(PatternReader& reader, bool negated) {
  if (!reader.accept("{")) reader.fail_here("expected '{' behind \\p");
  if (reader.accept("^")) negated = !negated;
  const std::string_view name = reader.take_until("}");
  // The property is punctuation alone; the POSIX class of that name has the symbols, too.
  return named_set(name == "Punct" ? "Punctuation" : name, negated);
}

std::string take_escaped_char(PatternReader& reader) {
  if (reader.accept("x{")) return take_hex(reader, reader.take_until("}"));
  if (reader.accept("x")) {
    const std::string item = take_digits(reader, 2);
    // Beyond ASCII, Oniguruma's \xHH is a raw byte of the encoding, not a code point.
    if (item.size() > 6 || (item.size() == 6 && item[3] > '7')) reader.fail_here("\\xHH above 7F is not supported");
    return item;
  }
  if (reader.accept("u")) return take_digits(reader, 4);
  const std::string_view c = reader.take();
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  constexpr std::array kControls = {std::pair{'n', 0x0A}, std::pair{'t', 0x09}, std::pair{'r', 0x0D},
                                    std::pair{'f', 0x0C}, std::pair{'v', 0x0B}, std::pair{'a', 0x07},
                                    std::pair{'e', 0x1B}, std::pair{'0', 0x00}};
  for (const auto& [letter, code_point] : kControls) {
    if (c[0] == letter) return code_point_item(static_cast<char32_t>(code_point));
  }
  if (kLetters.find(c) != std::string_view::npos) reader.fail_here(fmt::format("\\{} is not supported", c));
  return code_point_item(decode_utf8(c).code_point);
}

std::string take_class(PatternReader& reader) { return ClassParser(reader).parse(0); }

}  // namespace modr
