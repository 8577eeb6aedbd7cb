#include "dataset/jsonl.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "base/utf8.hpp"

namespace modr {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

std::string read_text(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed)) fail("{}: no such file", path.string());
  if (fs::is_directory(path, failed)) fail("{}: expected a data file, found a folder", path.string());
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad() || !file.is_open()) fail("{}: cannot read the file", path.string());
  text.erase(0, text.size() - skip_byte_order_mark(text, path.string()).size());
  return text;
}

struct Record {
  Json json;
  std::string place;
};

std::vector<Record> read_array(const fs::path& path, std::string_view text) {
  std::vector<Record> records;
  Json array = parse_json(text, path.string());
  for (Json& json : array)
    records.push_back({std::move(json), fmt::format("{}: record {}", path.string(), records.size() + 1)});
  return records;
}

std::vector<Record> read_lines(const fs::path& path, std::string_view text) {
  std::vector<Record> records;
  int64_t line_number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++line_number;
    if (!trim(line).empty())
      records.push_back({parse_json(line, path.string(), line_number), fmt::format("{}:{}", path.string(), line_number)});
  }
  return records;
}

const Json& field(const Record& record, const char* name) {
  const auto found = record.json.find(name);
  if (found == record.json.end()) fail("{}: field '{}' is missing", record.place, name);
  return *found;
}

const std::string& text_field(const Record& record, const char* name) {
  const Json& value = field(record, name);
  if (!value.is_string())
    fail("{}: field '{}': expected a string, found {}", record.place, name, value.type_name());
  return value.get_ref<const std::string&>();
}

std::string non_empty(const Record& record, const char* name, std::string_view text) {
  const std::string_view inner = trim(text);
  if (inner.empty()) fail("{}: field '{}': expected some text, found none", record.place, name);
  return std::string(inner);
}

Problem from_gsm8k(const Record& record) {
  const std::string& answer = text_field(record, "answer");
  const auto mark = answer.rfind("####");
  if (mark == std::string::npos) fail("{}: field 'answer': expected '#### N' at the end, found none", record.place);
  std::string gold = non_empty(record, "answer", std::string_view(answer).substr(mark + 4));
  std::erase(gold, ',');  // "70,000"
  return {.question = non_empty(record, "question", text_field(record, "question")),
          .solution = std::string(trim(answer)),
          .gold = std::move(gold),
          .family = record.json.contains("family") ? text_field(record, "family") : "",
          .place = record.place};
}

Problem from_llm_adapters(const Record& record) {
  std::string question = non_empty(record, "instruction", text_field(record, "instruction"));
  if (const auto input = trim(text_field(record, "input")); !input.empty()) question += fmt::format("\n{}", input);
  return {.question = std::move(question),
          .solution = std::string(trim(text_field(record, "output"))),
          .gold = non_empty(record, "answer", text_field(record, "answer")),
          .family = {},
          .place = record.place};
}

// "Three birds ... Answer Choices: (A) 32400 (B) 6000": the wording that llm_adapters uses for the same questions.
Problem from_aqua(const Record& record) {
  std::string question = non_empty(record, "question", text_field(record, "question")) + " Answer Choices:";
  const Json& options = field(record, "options");
  if (!options.is_array() || options.empty())
    fail("{}: field 'options': expected a list of choices, found {}", record.place, options.type_name());
  for (const Json& option : options) {
    if (!option.is_string()) fail("{}: field 'options': expected strings, found {}", record.place, option.type_name());
    const std::string_view choice = option.get_ref<const std::string&>();
    const auto bracket = choice.find(')');
    if (bracket == std::string_view::npos)
      fail("{}: field 'options': expected 'A)...', found '{}'", record.place, choice);
    question += fmt::format(" ({}) {}", choice.substr(0, bracket), trim(choice.substr(bracket + 1)));
  }
  return {.question = std::move(question),
          .solution = std::string(trim(text_field(record, "rationale"))),
          .gold = non_empty(record, "correct", text_field(record, "correct")),
          .family = {},
          .place = record.place};
}

DataFormat detect_format(const Record& first) {
  const Json& json = first.json;
  if (json.contains("instruction")) return DataFormat::llm_adapters;
  if (json.contains("options") && json.contains("correct")) return DataFormat::aqua;
  if (json.contains("question") || json.contains("answer")) return DataFormat::gsm8k;
  fail("{}: no known format: expected fields 'question' and 'answer' (gsm8k), 'instruction', 'input', 'output' and "
       "'answer' (llm_adapters), or 'question', 'options' and 'correct' (aqua)",
       first.place);
}

Problem to_problem(const Record& record, DataFormat format) {
  switch (format) {
    case DataFormat::gsm8k: return from_gsm8k(record);
    case DataFormat::llm_adapters: return from_llm_adapters(record);
    case DataFormat::aqua: return from_aqua(record);
    case DataFormat::automatic: break;
  }
  fail("{}: the format is not decided", record.place);
}

}  // namespace

std::vector<Problem> read_problems(const fs::path& path, DataFormat format) {
  const std::string text = read_text(path);
  const std::string_view content = trim(text);
  const bool is_array = content.starts_with('[');
  const std::vector<Record> records = is_array ? read_array(path, text) : read_lines(path, text);
  if (records.empty()) fail("{}: empty data set: expected at least one record", path.string());
  std::vector<Problem> problems;
  problems.reserve(records.size());
  for (const Record& record : records) {
    if (!record.json.is_object())
      fail("{}: expected a JSON object, found {}", record.place, record.json.type_name());
    if (format == DataFormat::automatic) format = detect_format(record);
    problems.push_back(to_problem(record, format));
  }
  return problems;
}

}  // namespace modr
