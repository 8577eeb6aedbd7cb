#pragma once
// What is done to short texts in several places: lists are taken apart, blanks taken away, counts written.
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace modr {

/// The parts between the separators: "a,,b" has three, an empty text one, which is empty. They point into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);
template <std::same_as<std::string> Temporary>
std::vector<std::string_view> split(Temporary&& text, char separator) = delete;  // it would not live on

/// `text` without what of `blanks` stands at its ends. (What a Python program takes away: trim_white_space().)
std::string_view trim(std::string_view text, std::string_view blanks = " \t\r\n");

/// "1,234,567".
std::string count_text(int64_t count);
/// "rank 3", "ranks 0-3, 8, 10": of ranks in ascending order; of many pieces the first.
std::string ranks_text(const std::vector<int64_t>& ranks);
/// "512 bytes", "12.3 MiB".
std::string byte_text(uint64_t bytes);

}  // namespace modr
