#pragma once
// What a benchmark has measured, for people, for the README and for programs.
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace modr::tools {

/// A field: nothing ("-", null in JSON), a count, a measurement, or a word.
using BenchValue = std::variant<std::monostate, int64_t, double, std::string>;

struct BenchColumn {
  std::string key;   ///< in JSON, with its unit, e.g. "step_ms"
  std::string head;  ///< for people, e.g. "step, ms"
};

struct BenchTable {
  std::string key;  ///< in JSON
  std::string title;
  std::string note;  ///< one line: what was measured, and how
  std::vector<BenchColumn> columns;
  std::vector<std::vector<BenchValue>> rows;  ///< a value for every column
};

enum class BenchFormat { text, markdown, json };

/// Settings of a run by their names in JSON; text and Markdown leave them to the tables' notes.
using BenchSettings = std::vector<std::pair<std::string, BenchValue>>;

/// Measurements with three digits for people and all of them in JSON, where a table is an array of objects.
std::string format_tables(const BenchSettings& settings, const std::vector<BenchTable>& tables, BenchFormat format);

/// "1234", "123", "12.3", "1.23", "0.123", "0.012".
std::string three_digits(double value);

}  // namespace modr::tools
