#pragma once
#include <string>
#include <string_view>

namespace modr {

/// `text` as it may be shown on a terminal, on one line: bytes that are not UTF-8, and those of characters that a
/// terminal obeys (controls, line ends, changes of direction), are written \xNN; all others stay. Messages quote files
/// and arguments, so everything that is written to stderr goes through this.
std::string printable(std::string_view text);

}  // namespace modr
