#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dataset/code_point_set.hpp"

namespace modr {

/// A regular expression: one character out of a set, by its index, or what stands between such in PCRE2's words, which
/// says nothing about characters beyond ASCII. Equal sets are kept once.
class Pattern {
 public:
  using Item = std::variant<std::string, std::size_t>;

  Pattern() = default;
  Pattern(Pattern&&) = default;
  Pattern& operator=(Pattern&&) = default;

  void add(std::string text) { items_.emplace_back(std::move(text)); }
  void add(CodePointSet set);
  /// Puts `text` in front of the item `at`.
  void insert(std::size_t at, std::string text);

  std::size_t size() const { return items_.size(); }
  const std::vector<Item>& items() const { return items_; }
  const std::vector<const CodePointSet*>& sets() const { return sets_; }

 private:
  std::vector<Item> items_;
  std::map<CodePointSet, std::size_t> index_;
  std::vector<const CodePointSet*> sets_;  // keys of index_, which stay where they are
};

/// Reads a regular expression of tokenizer.json, which Hugging Face gives to Oniguruma, into one by which PCRE2 (in
/// MULTILINE mode) matches the same texts. What a class, a name or (?i) matches is decided here, by Unicode's data of
/// unicode_tables.cpp; PCRE2 only puts sets together. The two engines also differ in nested and intersected classes,
/// {,n}, quantified intervals such as {1,3}+, and the reach of (?i).
/// Throws Error with the position for constructs that have no counterpart or are not known.
/// Source: Oniguruma's doc/RE and doc/SYNTAX.md; classes compared with the tokenizers library over all code points.
/// Not carried over: a class in (?i) matches characters one by one (ß, and not ss).
Pattern parse_oniguruma(std::string_view pattern);

/// A pattern that matches this well-formed text alone.
Pattern literal_pattern(std::string_view text);

}  // namespace modr
