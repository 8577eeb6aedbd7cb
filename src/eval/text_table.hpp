#pragma once
#include <string>
#include <vector>

namespace modr {

/// A table for a terminal: columns as wide as their widest text (UTF-8, one column a code point), two spaces between.
class TextTable {
 public:
  enum class Align { left, right };

  /// Columns beyond `alignment` are aligned to the right.
  explicit TextTable(std::vector<std::string> head, std::vector<Align> alignment = {});
  /// A row, with a text for every column of the head.
  void add(std::vector<std::string> row);
  /// A line across, unless the last row is one already or there is none.
  void add_rule();
  /// The table with a line under the head; columns that are empty in all rows are left out.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the head first; a rule is an empty row
  std::vector<Align> alignment_;
};

}  // namespace modr
