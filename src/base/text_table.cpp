#include "base/text_table.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace modr {

namespace {

// Code points of a well-formed UTF-8 text, without those of "\033[...m".
std::size_t width(const std::string& text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') i = std::min(text.find('m', i), text.size());
    else if ((text[i] & 0xC0) != 0x80) ++count;
  }
  return count;
}

}  // namespace

TextTable::TextTable(std::vector<std::string> head, std::vector<Align> alignment)
    : rows_{std::move(head)}, alignment_(std::move(alignment)) {
  alignment_.resize(rows_.front().size(), Align::right);
}

void TextTable::add(std::vector<std::string> row) {
  MODR_CHECK(row.size() == rows_.front().size(), "a row of {} texts for {} columns", row.size(), rows_.front().size());
  rows_.push_back(std::move(row));
}

void TextTable::add_rule() {
  if (rows_.size() > 1 && !rows_.back().empty()) rows_.emplace_back();
}

// 0 for a column that is left out.
std::vector<std::size_t> TextTable::widths() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (std::size_t column = 0; column < widths.size(); ++column) {
    for (std::size_t i = 1; i < rows_.size(); ++i)
      if (!rows_[i].empty()) widths[column] = std::max(widths[column], width(rows_[i][column]));
    if (widths[column] > 0) widths[column] = std::max(widths[column], width(rows_.front()[column]));
  }
  return widths;
}

std::string TextTable::text() const {
  const std::vector<std::size_t> widths = this->widths();
  std::size_t total = 0;
  for (const std::size_t of_column : widths) total += of_column == 0 ? 0 : of_column + 2;
  const std::string rule = std::string(std::max<std::size_t>(total, 2) - 2, '-') + "\n";
  std::string text;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    std::string line;
    for (std::size_t column = 0; column < rows_[i].size(); ++column) {
      if (widths[column] == 0) continue;
      const std::string blanks(widths[column] - width(rows_[i][column]), ' ');
      const bool left = alignment_[column] == Align::left;
      line += (left ? rows_[i][column] + blanks : blanks + rows_[i][column]) + "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    const bool ends_in_rule = i + 1 == rows_.size() && rows_[i].empty();
    if (!ends_in_rule) text += rows_[i].empty() ? rule : line + "\n";
    if (i == 0) text += rule;
  }
  return text;
}

std::string TextTable::markdown() const {
  const std::vector<std::size_t> widths = this->widths();
  std::string text;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    std::string line = "|", rule = "|";
    for (std::size_t column = 0; column < rows_[i].size(); ++column) {
      if (widths[column] == 0) continue;
      line += " " + rows_[i][column] + " |";
      rule += alignment_[column] == Align::left ? " :-- |" : " --: |";
    }
    if (!rows_[i].empty()) text += line + "\n";
    if (i == 0) text += rule + "\n";
  }
  return text;
}

}  // namespace modr
