#include "base/printable.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "base/utf8.hpp"

namespace modr {
namespace {

bool is_obeyed(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);
  const bool line_end = c == 0x2028 || c == 0x2029;
  const bool direction = c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
                         (c >= 0x2066 && c <= 0x2069);
  return control || line_end || direction;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    const std::string_view bytes = text.substr(0, c.length);
    if (c.valid && !is_obeyed(c.code_point)) {
      result += bytes;
    } else {
      for (const char byte : bytes) result += fmt::format("\\x{:02X}", static_cast<uint8_t>(byte));
    }
    text.remove_prefix(c.length);
  }
  return result;
}

}  // namespace modr
