#include "dataset/json_field.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/printable.hpp"
#include "base/utf8.hpp"

namespace modr {

using nlohmann::json;

JsonField::JsonField(const json& value, std::string file, std::string name)
    : value_(&value), file_(std::move(file)), name_(std::move(name)) {}

void JsonField::fail_here(std::string_view what) const {
  fail("{}: {}{}{}", file_, name_, name_.empty() ? "" : ": ", what);
}

void JsonField::wrong_type(std::string_view expected) const {
  const std::string found = value_->is_structured() ? value_->type_name() : value_->dump(-1, ' ', true);
  fail_here(fmt::format("expected {}, found {}", expected, excerpt(found)));
}

JsonField JsonField::at(const char* key) const {
  const auto member = object().find(key);
  if (member == value_->end()) fail_here(fmt::format("'{}' is missing", key));
  return {*member, file_, name_.empty() ? key : name_ + "." + key};
}

std::optional<JsonField> JsonField::find(const char* key) const {
  const auto member = object().find(key);
  if (member == value_->end() || member->is_null()) return std::nullopt;
  return at(key);
}

bool JsonField::boolean(const char* key, bool fallback) const {
  const auto field = find(key);
  if (!field) return fallback;
  if (!field->value_->is_boolean()) field->wrong_type("true or false");
  return field->value_->get<bool>();
}

JsonField JsonField::element(std::size_t index) const {
  return {value_->at(index), file_, fmt::format("{}[{}]", name_, index)};
}

std::size_t JsonField::size() const {
  if (!value_->is_array()) wrong_type("an array");
  return value_->size();
}

const std::string& JsonField::string() const {
  if (!value_->is_string()) wrong_type("a string");
  return value_->get_ref<const std::string&>();
}

int64_t JsonField::integer(int64_t low, int64_t high) const {
  const bool fits = value_->is_number_integer() &&
                    !(value_->is_number_unsigned() && value_->get<uint64_t>() > static_cast<uint64_t>(high)) &&
                    value_->get<int64_t>() >= low && value_->get<int64_t>() <= high;
  if (!fits) wrong_type(fmt::format("an integer from {} to {}", low, high));
  return value_->get<int64_t>();
}

const json& JsonField::object() const {
  if (!value_->is_object()) wrong_type("an object");
  return *value_;
}

bool JsonField::is_string() const { return value_->is_string(); }

bool JsonField::is_array() const { return value_->is_array(); }

std::string excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  const bool is_long = text.size() > kLongest;
  std::string_view shown = text.substr(0, kLongest);
  if (is_long) shown.remove_suffix(incomplete_utf8_suffix(shown));
  return "'" + printable(shown) + (is_long ? "...'" : "'");
}

json read_json_file(const std::string& path) {
  if (std::filesystem::is_directory(path)) fail("{}: is a folder, expected a JSON file", path);
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("{}: cannot open the file", path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) fail("{}: cannot read the file", path);
  return parse_json(skip_byte_order_mark(text, path), path);
}

}  // namespace modr
