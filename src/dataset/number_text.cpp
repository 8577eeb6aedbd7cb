#include "dataset/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "dataset/regex.hpp"

namespace modr {
namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

const Regex& number_pattern() {
  static const Regex pattern(R"((?:(?<![\w)\]}%])[-+])?(?:[$€£¥][-+]?)?)"
                             R"((?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|(?<![\w.])\.[0-9]+))");
  return pattern;
}

}  // namespace

std::string plain_signs(std::string_view text) {
  std::string result(text);
  for (const auto& [from, to] : {std::pair{"\\$", "$"}, {"\\%", "%"}, {"{,}", ","}, {"\\,", ""}, {"\\!", ""},
                                 {"\u2212", "-"}})
    result = replaced(std::move(result), from, to);
  return result;
}

std::vector<std::string_view> find_numbers(std::string_view text) {
  std::vector<std::string_view> numbers;
  number_pattern().for_each_match(text, [&](std::size_t begin, std::size_t end) {
    numbers.push_back(text.substr(begin, end - begin));
  });
  return numbers;
}

std::string canonical_number(std::string_view match) {
  std::string whole, fraction;
  bool negative = false, behind_point = false;
  for (char c : match) {
    if (c == '-') negative = true;
    if (c == '.') behind_point = true;
    if (c >= '0' && c <= '9') (behind_point ? fraction : whole) += c;
  }
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (whole.empty()) whole = "0";
  std::string number = fraction.empty() ? whole : fmt::format("{}.{}", whole, fraction);
  return negative && number != "0" ? "-" + number : number;
}

std::optional<std::string> parse_number(std::string_view text) {
  const std::string simple = plain_signs(text);
  std::string_view rest = trim(simple);
  if (rest.ends_with('.')) rest.remove_suffix(1);
  if (rest.ends_with('%')) rest.remove_suffix(1);
  rest = trim(rest);
  const auto numbers = find_numbers(rest);
  if (numbers.size() != 1 || numbers.front().size() != rest.size()) return std::nullopt;
  return canonical_number(rest);
}

}  // namespace modr
