#include "config/field_changes.hpp"

#include <fmt/ranges.h>

#include <type_traits>
#include <utility>

#include "config/fields.hpp"

namespace modr {

namespace {

// All fields as texts, by their paths, in order.
struct FieldTexts {
  std::vector<std::pair<std::string, std::string>> fields;
  std::string prefix = {};

  template <typename T>
  void operator()(const char* key, T& field, FieldKind = FieldKind::optional) {
    if constexpr (Section<T>) {
      const std::string outer = std::exchange(prefix, prefix + key + ".");
      visit_fields(*this, field);
      prefix = outer;
    } else if constexpr (std::is_enum_v<T>) {
      fields.emplace_back(prefix + key, name_of(field));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      fields.emplace_back(prefix + key, fmt::format("[{}]", fmt::join(field, ", ")));
    } else {
      fields.emplace_back(prefix + key, fmt::format("{}", field));
    }
  }
};

std::vector<std::pair<std::string, std::string>> texts_of(RunConfig config) {
  FieldTexts texts;
  visit_fields(texts, config);
  return std::move(texts.fields);
}

}  // namespace

std::vector<FieldChange> changed_fields(const RunConfig& before, const RunConfig& now) {
  const auto old_texts = texts_of(before), new_texts = texts_of(now);
  std::vector<FieldChange> changes;
  for (std::size_t i = 0; i < new_texts.size(); ++i)
    if (old_texts[i].second != new_texts[i].second)
      changes.push_back({new_texts[i].first, old_texts[i].second, new_texts[i].second});
  return changes;
}

}  // namespace modr
