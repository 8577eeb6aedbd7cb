#pragma once
// How numbers are written in questions, right answers and what models answer.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modr {

/// The text with LaTeX's and Unicode's ways of writing plain signs undone: "\$1{,}000" is "$1,000".
std::string plain_signs(std::string_view text);

/// All numbers of a text with plain signs, in order, with their currency signs and commas. `text` must be well-formed
/// UTF-8 and live on.
std::vector<std::string_view> find_numbers(std::string_view text);

/// One of find_numbers() in the one form in which equal numbers are equal texts.
std::string canonical_number(std::string_view found);

/// The number that `text` is, but for blanks, a currency or percent sign and a final period, in the one form in which
/// equal numbers are equal texts: "-$1,250.50" is "-1250.5", "+03.0" is "3". nullopt if it is anything else.
std::optional<std::string> parse_number(std::string_view text);

}  // namespace modr
