#include "eval/answer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.hpp"
#include "dataset/regex.hpp"

namespace modr {

namespace {

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
  const std::string text = plain_signs(region);
  std::string_view rest = text;
  if (const auto equals = rest.rfind('='); equals != std::string_view::npos) {
    const auto behind = find_numbers(rest.substr(equals + 1));
    if (!behind.empty()) return canonical_number(behind.front());
  }
  const auto numbers = find_numbers(rest);
  if (numbers.empty()) return std::nullopt;
  return canonical_number(numbers.front());
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
  const std::string simple = plain_signs(text);
  const auto numbers = find_numbers(simple);
  if (numbers.empty()) return std::nullopt;
  return canonical_number(numbers.back());
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
