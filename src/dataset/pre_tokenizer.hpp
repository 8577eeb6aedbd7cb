#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dataset/oniguruma_regex.hpp"

namespace modr {

/// What becomes of the matches of a Split step (Hugging Face's words).
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// A regular expression and what its matches mean; `invert` lets the gaps between matches be the matches.
struct Split {
  OnigurumaRegex regex;
  SplitBehavior behavior;
  bool invert;
  bool on_symbols = false;  ///< stands behind ByteLevel: its expression sees GPT-2's symbols, not the text
};

/// A piece that does not begin with a space gets one.
struct PrefixSpace {};

/// Spaces become the sign for a space, which every piece, or the one at the text's beginning, also gets in front; with
/// `split` every sign begins a piece.
struct Metaspace {
  enum class Prepend { first, always, never };
  std::string replacement;
  Prepend prepend;
  std::optional<Split> split;
};

/// Cuts text into the pieces within which BPE merges. Immutable but for add().
class PreTokenizer {
 public:
  using Sink = std::function<void(std::string_view)>;
  using Step = std::variant<Split, PrefixSpace, Metaspace>;

  void add(Step step) { steps_.push_back(std::move(step)); }

  /// Calls `sink` for every piece, in order; the view holds only during the call. `text` must be well-formed UTF-8;
  /// `at_start` says that nothing stood before it.
  void for_each_piece(std::string_view text, bool at_start, const Sink& sink) const { run(0, text, at_start, sink); }

 private:
  void run(std::size_t step_idx, std::string_view text, bool at_start, const Sink& sink) const;
  std::vector<Step> steps_;
};

}  // namespace modr
