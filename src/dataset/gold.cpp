#include "dataset/gold.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "dataset/json_field.hpp"
#include "dataset/number_text.hpp"
#include "dataset/regex.hpp"

namespace modr {
namespace {

constexpr std::string_view kFormatMark = "Answer format: ";

// The choices of "Answer format: answer1/answer2" at the question's end.
std::vector<std::string> format_choices(std::string_view question) {
  const auto mark = question.rfind(kFormatMark);
  if (mark == std::string_view::npos) return {};
  static const Regex word(R"([A-Za-z0-9_]+)");
  std::vector<std::string> choices;
  const std::string_view rest = question.substr(mark + kFormatMark.size());
  const std::string_view line = rest.substr(0, rest.find('\n'));
  word.for_each_match(line, [&](std::size_t begin, std::size_t end) {
    choices.emplace_back(line.substr(begin, end - begin));
  });
  return choices;
}

// The letters of "(A) 23 (B) 24" or "A ) 23 , B ) 24": A, B, C, ... as far as they follow each other.
std::vector<std::string> letter_choices(std::string_view question) {
  static const Regex option(R"((?<!\w)[A-Z] ?\))");
  std::vector<std::string> choices;
  option.for_each_match(question, [&](std::size_t begin, std::size_t) {
    if (question[begin] == static_cast<char>('A' + choices.size())) choices.emplace_back(1, question[begin]);
  });
  if (choices.size() < 2) choices.clear();
  return choices;
}

}  // namespace

std::vector<std::string> find_choices(std::string_view question) {
  auto choices = format_choices(question);
  return choices.empty() ? letter_choices(question) : choices;
}

bool asks_by_format(std::string_view question) { return !format_choices(question).empty(); }

GoldReader::GoldReader(const Problem& first) {
  const auto choices = find_choices(first.question);
  asks_for_choices_ = std::ranges::find(choices, first.gold) != choices.end();
}

Gold GoldReader::read(const Problem& problem) const {
  if (!asks_for_choices_) {
    auto number = parse_number(problem.gold);
    if (!number) fail("{}: the right answer: expected a number, found {}", problem.place, excerpt(problem.gold));
    return {std::move(*number), {}};
  }
  Gold gold{problem.gold, find_choices(problem.question)};
  if (std::ranges::find(gold.choices, gold.text) == gold.choices.end())
    fail("{}: the right answer: expected one of the choices that the question offers ({}), found {}", problem.place,
         gold.choices.empty() ? "none" : fmt::format("{}", fmt::join(gold.choices, ", ")), excerpt(problem.gold));
  return gold;
}

}  // namespace modr
