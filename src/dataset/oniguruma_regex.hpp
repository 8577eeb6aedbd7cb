#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/oniguruma_pattern.hpp"
#include "dataset/regex.hpp"
#include "base/utf8.hpp"

namespace modr {

/// The kinds of characters that a pattern tells apart, a byte each: ASCII characters stand for themselves; of the
/// others, those that lie in the same sets of the pattern are of one kind.
class CharacterKinds {
 public:
  /// Throws Error for a pattern that tells more than 128 kinds apart beyond ASCII.
  explicit CharacterKinds(const std::vector<const CodePointSet*>& sets);

  uint8_t of(char32_t c) const { return blocks_[block_of_[c >> 8]][c & 0xFF]; }
  /// A PCRE2 class (of bytes) of the kinds in one of the sets.
  const std::string& byte_class(std::size_t set) const { return byte_classes_[set]; }

 private:
  using Block = std::array<uint8_t, 256>;
  void tabulate(const std::vector<char32_t>& begins, const std::vector<uint8_t>& kinds);
  std::array<uint16_t, (kLastCodePoint >> 8) + 1> block_of_{};
  std::vector<Block> blocks_;  // equal ones once
  std::vector<std::string> byte_classes_;
};

/// A regular expression as Hugging Face's tokenizers match it, whatever Unicode the installed PCRE2 knows: PCRE2 sees a
/// text's kinds of characters, a byte each, which is faster, too. Immutable: any number of threads may search with it.
class OnigurumaRegex {
 public:
  explicit OnigurumaRegex(const Pattern& pattern) : kinds_(pattern.sets()), regex_(compile(pattern, kinds_)) {}
  /// Throws what parse_oniguruma() throws, and Error for what PCRE2 refuses.
  explicit OnigurumaRegex(std::string_view pattern) : OnigurumaRegex(parse_oniguruma(pattern)) {}

  /// Calls `visit(begin, end)` with the bytes of each match, left to right; see Regex. `text` must be well-formed.
  template <typename Visit>
  void for_each_match(std::string_view text, Visit&& visit) const {
    const std::size_t ascii = ascii_prefix(text);
    if (ascii == text.size()) return regex_.for_each_match(text, visit);
    std::size_t byte = 0, character = 0;  // the same place in the text and in its kinds
    const auto byte_at = [&](std::size_t place) {
      for (; character < place; ++character) byte += decode_utf8(text.substr(byte)).length;
      return byte;
    };
    regex_.for_each_match(kinds_of(text, ascii), [&](std::size_t begin, std::size_t end) {
      const std::size_t first = byte_at(begin);
      visit(first, byte_at(end));
    });
  }

 private:
  static Regex compile(const Pattern& pattern, const CharacterKinds& kinds);
  std::string kinds_of(std::string_view text, std::size_t ascii) const;

  CharacterKinds kinds_;
  Regex regex_;
};

}  // namespace modr
