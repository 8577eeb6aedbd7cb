#include "eval/answer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.hpp"
#include "dataset/regex.hpp"

namespace modr {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// The text with LaTeX's and Unicode's ways of writing plain signs undone: "\$1{,}000" is "$1,000".
std::string plain(std::string_view text) {
  std::string result(text);
  for (const auto& [from, to] : {std::pair{"\\$", "$"}, {"\\%", "%"}, {"{,}", ","}, {"\\,", ""}, {"\\!", ""},
                                 {"\u2212", "-"}})
    result = replaced(std::move(result), from, to);
  return result;
}

const Regex& number_pattern() {
  static const Regex pattern(R"((?:(?<![\w)\]}%])[-+])?(?:[$€£¥][-+]?)?)"
                             R"((?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|(?<![\w.])\.[0-9]+))");
  return pattern;
}

std::vector<std::string_view> find_numbers(std::string_view text) {
  std::vector<std::string_view> numbers;
  number_pattern().for_each_match(text, [&](std::size_t begin, std::size_t end) {
    numbers.push_back(text.substr(begin, end - begin));
  });
  return numbers;
}

// A match of number_pattern() in its one form.
std::string canonical(std::string_view match) {
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

// What stands between the braces that open at `open`; to the end of the text when they are not closed.
std::string_view braced(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return text.substr(open + 1, i - open - 1);
  }
  return text.substr(open + 1);
}

// The contents of every \boxed{...}, in order.
std::vector<std::string_view> boxes(std::string_view text) {
  constexpr std::string_view mark = "\\boxed{";
  std::vector<std::string_view> found;
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + mark.size()))
    found.push_back(braced(text, at + mark.size() - 1));
  return found;
}

// The number of a marked place, which may say more: "x = 5", "$18 a day".
std::optional<std::string> number_in(std::string_view region) {
  const std::string text = plain(region);
  std::string_view rest = text;
  if (const auto equals = rest.rfind('='); equals != std::string_view::npos) {
    const auto behind = find_numbers(rest.substr(equals + 1));
    if (!behind.empty()) return canonical(behind.front());
  }
  const auto numbers = find_numbers(rest);
  if (numbers.empty()) return std::nullopt;
  return canonical(numbers.front());
}

std::optional<std::string> marked_number(std::string_view text) {
  constexpr std::string_view mark = "####";
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + mark.size())) {
    const std::string_view rest = text.substr(at + mark.size());
    if (auto number = number_in(rest.substr(0, rest.find('\n')))) return number;
  }
  return std::nullopt;
}

int64_t decimals(std::string_view number) {
  const auto point = number.find('.');
  return point == std::string_view::npos ? 0 : static_cast<int64_t>(number.size() - point - 1);
}

// Where `choices` are named in `text`, as (index of the choice) in the order of the places.
std::vector<std::size_t> named_choices(std::string_view text, const std::vector<std::string>& choices) {
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const bool letter = choices[i].size() == 1;
    const Regex pattern(fmt::format("(?<!\\w){}\\Q{}\\E(?!\\w)", letter ? "" : "(?i)", choices[i]));
    pattern.for_each_match(text, [&](std::size_t begin, std::size_t) { places.emplace_back(begin, i); });
  }
  std::ranges::sort(places);
  std::vector<std::size_t> named;
  for (const auto& place : places) named.push_back(place.second);
  return named;
}

}  // namespace

std::optional<std::string> extract_number(std::string_view text) {
  if (auto number = marked_number(text)) return number;
  const auto contents = boxes(text);
  for (auto box = contents.rbegin(); box != contents.rend(); ++box)
    if (auto number = number_in(*box)) return number;
  const std::string simple = plain(text);
  const auto numbers = find_numbers(simple);
  if (numbers.empty()) return std::nullopt;
  return canonical(numbers.back());
}

std::optional<std::string> parse_number(std::string_view text) {
  const std::string simple = plain(text);
  std::string_view rest = simple;
  const auto trim_front = [&] { rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size())); };
  const auto trim_back = [&](std::string_view what) { rest = rest.substr(0, rest.find_last_not_of(what) + 1); };
  trim_front();
  trim_back(kBlanks);
  if (rest.ends_with('.')) rest.remove_suffix(1);
  if (rest.ends_with('%')) rest.remove_suffix(1);
  trim_back(kBlanks);
  const auto numbers = find_numbers(rest);
  if (numbers.size() != 1 || numbers.front().size() != rest.size()) return std::nullopt;
  return canonical(rest);
}

bool is_right_number(std::string_view number, std::string_view gold) {
  if (number == gold) return true;
  constexpr int64_t exact_decimals = 3;
  if (decimals(gold) <= exact_decimals) return false;
  constexpr double tolerance = 1e-3;
  return std::abs(std::strtod(std::string(number).c_str(), nullptr) -
                  std::strtod(std::string(gold).c_str(), nullptr)) <= tolerance;
}

std::optional<std::size_t> extract_choice(std::string_view text, const std::vector<std::string>& choices) {
  const auto contents = boxes(text);
  if (!contents.empty())
    if (const auto named = named_choices(contents.back(), choices); !named.empty()) return named.front();
  constexpr std::string_view mark = "answer is";
  if (const auto at = text.rfind(mark); at != std::string_view::npos)
    if (const auto named = named_choices(text.substr(at + mark.size()), choices); !named.empty()) return named.front();
  const auto named = named_choices(text, choices);
  if (named.empty()) return std::nullopt;
  return named.back();
}

}  // namespace modr
