#pragma once
// The words that stand for enums in configs and files: one table a type serves both directions.
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace modr {

template <typename Enum>
struct NamedValue {
  std::string_view name;
  Enum value;
};

/// The word for `value`.
template <typename Enum, std::size_t N>
std::string_view find_name(const NamedValue<Enum> (&table)[N], Enum value) {
  const auto found = std::find_if(std::begin(table), std::end(table), [&](const auto& e) { return e.value == value; });
  MODR_CHECK(found != std::end(table), "no name for enum value {}", static_cast<int>(value));
  return found->name;
}

/// The value of a word; throws Error naming `field` and the words it may hold.
template <typename Enum, std::size_t N>
Enum find_value(const NamedValue<Enum> (&table)[N], std::string_view field, std::string_view name) {
  std::string known;
  for (const auto& entry : table) {
    if (entry.name == name) return entry.value;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  }
  fail("{}: expected one of {}, found '{}'", field, known, name);
}

}  // namespace modr
