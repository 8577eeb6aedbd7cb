#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace modr {

/// A value in a JSON file that knows its place. Every accessor throws Error "file: field: expected ..., found ..." when
/// the value has another type. Refers to the document, which must live on.
class JsonField {
 public:
  /// The document itself.
  JsonField(const nlohmann::json& value, std::string file) : JsonField(value, std::move(file), {}) {}

  /// A member of this object; throws Error when it is missing.
  JsonField at(const char* key) const;
  /// A member of this object; nullopt when it is missing or null.
  std::optional<JsonField> find(const char* key) const;
  /// A member of this object if it is there, else `fallback`.
  bool boolean(const char* key, bool fallback) const;
  /// An element of this array, whose index must be less than size().
  JsonField element(std::size_t index) const;
  /// Number of elements; the value must be an array.
  std::size_t size() const;

  const std::string& string() const;
  /// An integer within [low, high].
  int64_t integer(int64_t low, int64_t high) const;
  const nlohmann::json& object() const;
  bool is_string() const;
  bool is_array() const;

  /// Throws Error "file: field: what".
  [[noreturn]] void fail_here(std::string_view what) const;

 private:
  JsonField(const nlohmann::json& value, std::string file, std::string name);
  [[noreturn]] void wrong_type(std::string_view expected) const;

  const nlohmann::json* value_;
  std::string file_, name_;
};

/// A key or other text of a file in a form that fits into a message: cut to 60 bytes, printable().
std::string excerpt(std::string_view text);

/// Reads and parses a whole JSON file. Throws Error naming the file, and line and column of a syntax error.
nlohmann::json read_json_file(const std::string& path);

}  // namespace modr
