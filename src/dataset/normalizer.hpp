#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dataset/oniguruma_regex.hpp"
#include "dataset/unicode_form.hpp"

namespace modr {

/// Puts a text in front of every text that is not empty.
struct Prepend {
  std::string text;
};

/// Puts a text in the place of every match.
struct Replace {
  OnigurumaRegex regex;
  std::string content;

  /// Throws Error when the result would be longer than `most` bytes: a list of such steps can double a text each time.
  std::string replaced(std::string_view text, std::size_t most) const;
};

/// What becomes of the text between added tokens before it is cut into pieces. Immutable.
class Normalizer {
 public:
  using Step = std::variant<UnicodeForm, Prepend, Replace>;

  void add(Step step) { steps_.push_back(std::move(step)); }
  bool changes_nothing() const { return steps_.empty(); }

  /// `text` must be well-formed UTF-8; so is the result. Throws Error when it gets longer than any use could be.
  std::string normalized(std::string_view text) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace modr
