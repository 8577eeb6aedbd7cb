#include "dataset/unicode_property.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
#include "dataset/unicode_tables.hpp"

namespace modr {
namespace {

namespace tables = unicode_tables;
using Ranges = std::vector<CodePointSet::Range>;

/// The number at the front of `word`, and what follows it.
std::pair<uint32_t, std::string_view> take_number(std::string_view word) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  MODR_CHECK(error == std::errc{}, "unicode_tables.cpp: '{}' has no number", word);
  return {number, word.substr(static_cast<std::size_t>(end - word.data()))};
}

/// Long names of the general categories and of their groups, and what they consist of.
struct Category {
  std::string_view short_name, name, members;
};
constexpr std::array kCategories = {
    Category{"L", "letter", "Lu Ll Lt Lm Lo"},
    Category{"LC", "cased letter", "Lu Ll Lt"},
    Category{"M", "mark", "Mn Mc Me"},
    Category{"M", "combining mark", "Mn Mc Me"},
    Category{"N", "number", "Nd Nl No"},
    Category{"P", "punctuation", "Pc Pd Ps Pe Pi Pf Po"},
    Category{"S", "symbol", "Sm Sc Sk So"},
    Category{"Z", "separator", "Zs Zl Zp"},
    Category{"C", "other", "Cc Cf Cs Co Cn"},
    Category{"Lu", "uppercase letter", "Lu"},
    Category{"Ll", "lowercase letter", "Ll"},
    Category{"Lt", "titlecase letter", "Lt"},
    Category{"Lm", "modifier letter", "Lm"},
    Category{"Lo", "other letter", "Lo"},
    Category{"Mn", "nonspacing mark", "Mn"},
    Category{"Mc", "spacing mark", "Mc"},
    Category{"Me", "enclosing mark", "Me"},
    Category{"Nd", "decimal number", "Nd"},
    Category{"Nl", "letter number", "Nl"},
    Category{"No", "other number", "No"},
    Category{"Pc", "connector punctuation", "Pc"},
    Category{"Pd", "dash punctuation", "Pd"},
    Category{"Ps", "open punctuation", "Ps"},
    Category{"Pe", "close punctuation", "Pe"},
    Category{"Pi", "initial punctuation", "Pi"},
    Category{"Pf", "final punctuation", "Pf"},
    Category{"Po", "other punctuation", "Po"},
    Category{"Sm", "math symbol", "Sm"},
    Category{"Sc", "currency symbol", "Sc"},
    Category{"Sk", "modifier symbol", "Sk"},
    Category{"So", "other symbol", "So"},
    Category{"Zs", "space separator", "Zs"},
    Category{"Zl", "line separator", "Zl"},
    Category{"Zp", "paragraph separator", "Zp"},
    Category{"Cc", "control", "Cc"},
    Category{"Cf", "format", "Cf"},
    Category{"Cs", "surrogate", "Cs"},
    Category{"Co", "private use", "Co"},
    Category{"Cn", "unassigned", "Cn"},
};

using PropertyMap = std::unordered_map<std::string, CodePointSet>;

/// "32Cc 1Zs ...": the ranges of each value.
std::unordered_map<std::string, Ranges> ranges_by_value(std::string_view runs) {
  std::unordered_map<std::string, Ranges> ranges;
  char32_t begin = 0;
  for (const std::string_view run : split(runs, ' ')) {
    const auto [length, value] = take_number(run);
    ranges[std::string(value)].push_back({begin, begin + length - 1});
    begin += length;
  }
  return ranges;
}

void add_categories(PropertyMap& properties) {
  auto ranges = ranges_by_value(tables::general_categories);
  for (const Category& category : kCategories) {
    Ranges all;
    for (const std::string_view member : split(category.members, ' ')) {
      const Ranges& part = ranges[std::string(member)];
      all.insert(all.end(), part.begin(), part.end());
    }
    const CodePointSet set(std::move(all));
    properties.emplace(property_key(category.short_name), set);
    properties.emplace(property_key(category.name), set);
  }
  properties.emplace("any", CodePointSet({{0, kLastCodePoint}}));
  properties.emplace("assigned", properties.at("cn").complement());
  properties.emplace("ascii", CodePointSet({{0, 0x7F}}));
}

void add_scripts(PropertyMap& properties) {
  auto ranges = ranges_by_value(tables::scripts);
  for (const std::string_view entry : split(tables::script_names, ' ')) {
    const std::vector<std::string_view> names = split(entry, '=');  // the short one first
    const CodePointSet set(std::move(ranges[std::string(names.front())]));
    for (std::size_t i = 1; i < names.size(); ++i) properties.emplace(names[i], set);
  }
}

void add_binary_properties(PropertyMap& properties) {
  for (const tables::BinaryProperty& property : tables::binary_properties) {
    Ranges ranges;
    char32_t begin = 0;
    bool inside = false;
    for (const std::string_view run : split(property.runs, ' ')) {
      const char32_t length = take_number(run).first;
      if (inside) ranges.push_back({begin, begin + length - 1});
      begin += length;
      inside = !inside;
    }
    const CodePointSet set(std::move(ranges));
    properties.emplace(property.name, set);
    if (!property.short_name.empty()) properties.emplace(property.short_name, set);
  }
}

const PropertyMap& property_map() {
  static const PropertyMap map = [] {
    PropertyMap made;
    add_categories(made);
    add_scripts(made);
    add_binary_properties(made);
    return made;
  }();
  return map;
}

using CasePairs = std::vector<std::pair<char32_t, char32_t>>;

/// Every character and the first of those that it equals but for its case.
const CasePairs& case_pairs() {
  static const CasePairs pairs = [] {
    CasePairs made;
    for (const std::string_view run : split(tables::case_runs, ' ')) {
      std::array<uint32_t, 4> numbers{};  // first, last, stride, distance
      std::size_t count = 0;
      for (const std::string_view number : split(run, ',')) numbers.at(count++) = take_number(number).first;
      for (char32_t c = numbers[0]; c <= numbers[1]; c += numbers[2]) made.emplace_back(c, c + numbers[3]);
    }
    return made;
  }();
  return pairs;
}

}  // namespace

std::string property_key(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      key += static_cast<char>(c - 'A' + 'a');
    } else if (c != '_' && c != '-' && c != ' ') {
      key += c;
    }
  }
  return key;
}

std::optional<CodePointSet> unicode_property(std::string_view name) {
  const PropertyMap& map = property_map();
  const auto found = map.find(property_key(name));
  return found == map.end() ? std::nullopt : std::optional(found->second);
}

CodePointSet known_property(std::string_view name) {
  const auto set = unicode_property(name);
  MODR_CHECK(set.has_value(), "'{}' is no property of characters", name);
  return *set;
}

CodePointSet close_over_case(const CodePointSet& set) {
  Ranges members = set.ranges();
  for (const auto& [low, high] : case_pairs()) {
    if (set.contains(high)) members.push_back({low, low});
  }
  const CodePointSet with_lowest(std::move(members));  // of each group of equals
  members = with_lowest.ranges();
  for (const auto& [low, high] : case_pairs()) {
    if (with_lowest.contains(low)) members.push_back({high, high});
  }
  return CodePointSet(std::move(members));
}

char32_t fold_case(char32_t c) { return close_over_case(CodePointSet::of(c)).ranges().front().first; }

bool ends_with_long_folding(std::u32string_view folded) {
  static const std::vector<std::u32string> foldings = [] {
    std::vector<std::u32string> made;
    for (const std::string_view entry : split(tables::long_foldings, ' ')) {
      const auto [c, others] = take_number(entry);
      made.push_back({fold_case(c)});
      made.emplace_back();
      for (const std::string_view other : split(others.substr(1), ',')) made.back() += fold_case(take_number(other).first);
    }
    return made;
  }();
  return std::ranges::any_of(foldings, [&](const std::u32string& end) { return folded.ends_with(end); });
}

}  // namespace modr
