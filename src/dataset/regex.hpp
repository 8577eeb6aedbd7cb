#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;

namespace modr {

/// A compiled PCRE2 pattern in UTF and UCP mode; lines end with \n, ^ and $ match at every line.
/// Immutable: any number of threads may search with it.
class Regex {
 public:
  struct Match {
    std::size_t begin, end;
  };

  /// Throws Error with the position and reason for a pattern that PCRE2 refuses.
  explicit Regex(const std::string& pattern);

  /// Calls `visit(begin, end)` for each match, left to right, as Oniguruma iterates: an empty match directly behind
  /// another match is passed over. `text` must be well-formed UTF-8. Throws Error when the engine runs out of memory.
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

  /// True when the pattern matches somewhere in `text` (well-formed UTF-8).
  bool matches(std::string_view text) const;

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };
  struct FreeMatchData {
    void operator()(pcre2_real_match_data_8* data) const;
  };
  using Scratch = std::unique_ptr<pcre2_real_match_data_8, FreeMatchData>;

  static Scratch make_scratch();
  static std::size_t next_char(std::string_view text, std::size_t pos);
  bool find(std::string_view text, std::size_t from, const Scratch& scratch, Match& match) const;

  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  bool jit_ = false;
};

}  // namespace modr
