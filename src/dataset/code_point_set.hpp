#pragma once
#include <compare>
#include <vector>

namespace modr {

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

/// A set of characters: ranges of code points, sorted, apart from each other.
class CodePointSet {
 public:
  struct Range {
    char32_t first, last;
    friend auto operator<=>(const Range&, const Range&) = default;
  };

  CodePointSet() = default;
  /// Ranges in any order; they may overlap.
  explicit CodePointSet(std::vector<Range> ranges);
  static CodePointSet of(char32_t c) { return CodePointSet({{c, c}}); }

  const std::vector<Range>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  bool contains(char32_t c) const;

  CodePointSet united(const CodePointSet& other) const;
  CodePointSet intersected(const CodePointSet& other) const;
  CodePointSet complement() const;

  friend auto operator<=>(const CodePointSet&, const CodePointSet&) = default;

 private:
  std::vector<Range> ranges_;
};

}  // namespace modr
