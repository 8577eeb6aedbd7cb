#include "base/json_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.hpp"

namespace modr {

using Json = nlohmann::json;

namespace {

// nlohmann's message behind `mark`, which ends its own prefix, and short enough for a line: it quotes what it read last.
std::string explain(const Json::exception& error, std::string_view mark) {
  constexpr std::size_t longest = 160;
  std::string_view text = error.what();
  if (const auto at = text.find(mark); at != text.npos) text.remove_prefix(at + mark.size());
  return text.size() > longest ? std::string(text.substr(0, longest)) + "..." : std::string(text);
}

}  // namespace

Json parse_json(std::string_view text, std::string_view file, int64_t first_line) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {  // "[json.exception.parse_error.101] parse error at line 1, column 5: why"
    const std::string_view before = text.substr(0, std::min(error.byte, text.size() + 1) - (error.byte > 0 ? 1 : 0));
    const std::size_t line_begin = before.rfind('\n') + 1;  // 0 where there is none
    fail("{}:{}: malformed JSON: column {}: {}", file, first_line + std::ranges::count(before, '\n'),
         before.size() - line_begin + 1, explain(error, ": "));
  } catch (const Json::exception& error) {  // "[json.exception.out_of_range.406] why"
    const bool one_line = text.find('\n') == text.npos;
    fail("{}{}: malformed JSON: {}", file, one_line ? fmt::format(":{}", first_line) : "", explain(error, "] "));
  }
}

}  // namespace modr
