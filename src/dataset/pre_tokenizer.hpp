#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/regex.hpp"

namespace modr {

/// What becomes of the matches of a Split step (Hugging Face's words).
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// A regular expression and what its matches mean; `invert` lets the gaps between matches be the matches.
struct Split {
  Regex regex;
  SplitBehavior behavior;
  bool invert;
};

/// One step of the pre-tokenizer.
struct PreTokenizerStep {
  bool add_prefix_space = false;  ///< a piece that does not begin with a space gets one
  std::optional<Split> split = std::nullopt;
  bool on_symbols = false;  ///< stands behind ByteLevel: its expression sees GPT-2's symbols, not the text
};

/// Cuts text into the pieces within which BPE merges. Immutable.
class PreTokenizer {
 public:
  using Sink = std::function<void(std::string_view)>;

  void add(PreTokenizerStep step) { steps_.push_back(std::move(step)); }

  /// Calls `sink` for every piece, in order; the view holds only during the call. `text` must be well-formed UTF-8.
  void for_each_piece(std::string_view text, const Sink& sink) const { run(0, text, sink); }

 private:
  void run(std::size_t step_idx, std::string_view text, const Sink& sink) const;
  std::vector<PreTokenizerStep> steps_;
};

}  // namespace modr
