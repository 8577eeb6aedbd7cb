#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace modr {

/// Parses a JSON text that begins in line `first_line` of `file`. Throws Error "FILE:LINE: malformed JSON: column N: why",
/// which is short, however much nlohmann's message quotes; columns are bytes and count from 1. For a number that does
/// not fit, such as 1e999, there is no column, and a line only where the text is one.
nlohmann::json parse_json(std::string_view text, std::string_view file, int64_t first_line = 1);

}  // namespace modr
