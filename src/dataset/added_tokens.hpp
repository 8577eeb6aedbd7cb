#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/code_point_set.hpp"

namespace modr {

/// A token that is cut out of the raw text before anything else, e.g. "<|end_turn|>".
struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false;      ///< left out by decode(..., skip_special)
  bool normalized = false;   ///< looked for after all tokens that are not
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< takes the white space behind it along
  bool single_word = false;  ///< counts only where no word character stands next to it
};

/// Finds added tokens in a text: the leftmost, then the longest. A search costs O(length of the token * log(number of
/// tokens)) only at bytes that begin a token. Immutable.
class AddedTokenMatcher {
 public:
  AddedTokenMatcher() = default;
  /// Contents must be different and not empty.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  struct Match {
    std::size_t begin, end;  ///< bytes of the text, stripped white space included
    int32_t id;
  };

  /// The first token in `text` at or behind byte `from`; white space before `from` is not taken along. `text` must be
  /// well-formed UTF-8.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  const AddedToken* longest_at(std::string_view text) const;
  bool stands_alone(std::string_view before, std::string_view behind) const;

  std::vector<AddedToken> tokens_;  // sorted by content
  std::array<bool, 256> begins_{};  // first bytes of contents
  CodePointSet word_;               // word characters; empty where no token needs them
};

}  // namespace modr
