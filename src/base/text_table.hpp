#pragma once
#include <string>
#include <vector>

namespace modr {

/// The tables that modr prints. Texts are UTF-8, a column wide a code point; colours (escape sequences) have no width.
/// Columns that are empty in all rows are left out.
class TextTable {
 public:
  enum class Align { left, right };

  /// Columns beyond `alignment` are aligned to the right.
  explicit TextTable(std::vector<std::string> head, std::vector<Align> alignment = {});
  /// A row, with a text for every column of the head.
  void add(std::vector<std::string> row);
  /// A line across, unless the last row is one already or there is none.
  void add_rule();
  /// For a terminal: a line under the head, columns as wide as their widest text, two spaces between.
  std::string text() const;
  /// The same as Markdown, which has no lines across.
  std::string markdown() const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<std::vector<std::string>> rows_;  // the head first; a rule is an empty row
  std::vector<Align> alignment_;
};

}  // namespace modr
