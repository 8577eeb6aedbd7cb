#include "tools/bench/table.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text_table.hpp"

namespace modr::tools {

using Json = nlohmann::ordered_json;

namespace {

struct AsText {
  std::string operator()(std::monostate) const { return "-"; }
  std::string operator()(int64_t count) const { return std::to_string(count); }
  std::string operator()(double value) const { return three_digits(value); }
  std::string operator()(const std::string& word) const { return word; }
};

struct AsJson {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(int64_t count) const { return count; }
  Json operator()(double value) const { return value; }
  Json operator()(const std::string& word) const { return word; }
};

// Words stand on the left, numbers on the right.
bool holds_words(const BenchTable& table, std::size_t column) {
  return !table.rows.empty() && std::holds_alternative<std::string>(table.rows.front()[column]);
}

TextTable printed(const BenchTable& table) {
  std::vector<std::string> head;
  std::vector<TextTable::Align> alignment;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    head.push_back(table.columns[i].head);
    alignment.push_back(holds_words(table, i) ? TextTable::Align::left : TextTable::Align::right);
  }
  TextTable lines(std::move(head), std::move(alignment));
  for (const std::vector<BenchValue>& row : table.rows) {
    std::vector<std::string> texts;
    for (const BenchValue& value : row) texts.push_back(std::visit(AsText(), value));
    lines.add(std::move(texts));
  }
  return lines;
}

Json json_of(const BenchTable& table) {
  Json rows = Json::array();
  for (const std::vector<BenchValue>& row : table.rows) {
    Json object = Json::object();
    for (std::size_t i = 0; i < row.size(); ++i) object[table.columns[i].key] = std::visit(AsJson(), row[i]);
    rows.push_back(std::move(object));
  }
  return rows;
}

}  // namespace

std::string three_digits(double value) {
  const double size = std::abs(value);
  return fmt::format("{:.{}f}", value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

std::string format_tables(const BenchSettings& settings, const std::vector<BenchTable>& tables, BenchFormat format) {
  for (const BenchTable& table : tables)
    for (const std::vector<BenchValue>& row : table.rows)
      MODR_CHECK(row.size() == table.columns.size(), "table {}: {} values for {} columns", table.key, row.size(),
                 table.columns.size());
  if (format == BenchFormat::json) {
    Json all = Json::object();
    for (const auto& [name, value] : settings) all[name] = std::visit(AsJson(), value);
    for (const BenchTable& table : tables) all[table.key] = json_of(table);
    return all.dump(2) + "\n";
  }
  std::string text;
  for (const BenchTable& table : tables) {
    if (!text.empty()) text += '\n';
    text += format == BenchFormat::text
                ? fmt::format("{}\n{}\n\n{}", table.title, table.note, printed(table).text())
                : fmt::format("### {}\n\n{}\n\n{}", table.title, table.note, printed(table).markdown());
  }
  return text;
}

}  // namespace modr::tools
