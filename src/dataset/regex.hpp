#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;

namespace modr {

/// A compiled PCRE2 pattern; lines end with \n, ^ and $ match at every line. What \p{L} or \w is beyond ASCII depends
/// on the installed PCRE2: where that matters, see oniguruma_regex.hpp.
/// Immutable: any number of threads may search with it.
class Regex {
 public:
  struct Match {
    std::size_t begin, end;
  };

  /// What one character of pattern and text is: a code point in UTF-8 (UTF and UCP mode), or a byte.
  enum class Characters { utf8, bytes };

  /// Throws Error with the position and reason for a pattern that PCRE2 refuses.
  explicit Regex(const std::string& pattern, Characters characters = Characters::utf8);

  /// Calls `visit(begin, end)` for each match, left to right, as Oniguruma iterates: an empty match directly behind
  /// another match is passed over. `text` must be well-formed UTF-8, or any bytes. Throws Error when the engine runs
  /// out of memory.
  template <typename Visit>
  void for_each_match(std::string_view text, Visit&& visit) const {
    const Scratch scratch = make_scratch();
    std::size_t last_end = std::string_view::npos;
    for (std::size_t from = 0; from <= text.size();) {
      Match match{};
      if (!find(text, from, scratch, match)) return;
      const bool empty = match.begin == match.end;
      if (!empty || match.end != last_end) visit(match.begin, match.end);
      last_end = match.end;
      from = empty ? next_char(text, match.end) : match.end;
    }
  }

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };
  struct FreeMatchData {
    void operator()(pcre2_real_match_data_8* data) const;
  };
  using Scratch = std::unique_ptr<pcre2_real_match_data_8, FreeMatchData>;

  static Scratch make_scratch();
  std::size_t next_char(std::string_view text, std::size_t pos) const;
  bool find(std::string_view text, std::size_t from, const Scratch& scratch, Match& match) const;

  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  Characters characters_;
  bool jit_ = false;
};

}  // namespace modr
