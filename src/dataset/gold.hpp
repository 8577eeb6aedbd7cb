#pragma once
// Right answers as an evaluation compares with them. Training counts those that no evaluation could: it needs only the
// text of an answer, and one that is prose is no fault there.
#include <string>
#include <string_view>
#include <vector>

#include "dataset/jsonl.hpp"

namespace modr {

struct Gold {
  std::string text;                  ///< a number as parse_number() writes it, or one of `choices`
  std::vector<std::string> choices;  ///< those that the question offers; empty for numbers
};

/// The choices that a question offers, in its order: "Answer format: true/false", or options "(A) 23 (B) 24" and
/// "A ) 23 , B ) 24". Empty when it offers none.
std::vector<std::string> find_choices(std::string_view question);

/// Whether it offers them by "Answer format: ...".
bool asks_by_format(std::string_view question);

/// Reads the right answers of a file, whose first problem decides whether it asks for choices (its question offers some
/// and its gold is one of them) or for numbers.
class GoldReader {
 public:
  explicit GoldReader(const Problem& first);
  bool asks_for_choices() const { return asks_for_choices_; }
  /// Throws Error naming the place of a problem whose gold is not of the file's kind.
  Gold read(const Problem& problem) const;

 private:
  bool asks_for_choices_;
};

}  // namespace modr
