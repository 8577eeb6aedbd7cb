#pragma once
// Finding the answer in a text that a model wrote.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/number_text.hpp"

namespace modr {

/// The number that a text gives as its answer, as parse_number() writes it; the first of these that is there:
/// 1. behind the first "####" that has a number on its line (GSM8K);
/// 2. within the last \boxed{...} that has one (MATH), where "x = 5" and "5 \text{ cm}" give 5;
/// 3. the last number of all.
/// Currency signs, thousands commas and percent signs are passed over; a minus directly behind a letter, a digit or a
/// closing bracket is an operator and not a sign. `text` must be well-formed UTF-8.
std::optional<std::string> extract_number(std::string_view text);

/// Whether two numbers, in the form of parse_number(), are the same: digit by digit, however long. A gold answer with
/// more than three decimals (1.8333333333333333) is a rounded fraction and allows for 0.001, as in LLM-Adapters.
bool is_right_number(std::string_view number, std::string_view gold);

/// The index of the choice that a text gives as its answer: the one that the last \boxed{...} is or names, else the
/// first behind the last "answer is", else the last one named at all. A choice is named where it stands as a whole
/// word; case counts for single letters only.
std::optional<std::size_t> extract_choice(std::string_view text, const std::vector<std::string>& choices);

}  // namespace modr
