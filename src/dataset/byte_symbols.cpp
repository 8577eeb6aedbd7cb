#include "dataset/byte_symbols.hpp"

#include <array>

#include "base/utf8.hpp"

namespace modr {
namespace {

constexpr char32_t kFirstShifted = 0x100;
constexpr char32_t kNumSymbols = kFirstShifted + 68;

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct ByteMap {
  std::array<std::string, 256> symbols;
  std::array<int16_t, kNumSymbols> bytes;  // -1 where a character stands for no byte

  ByteMap() {
    bytes.fill(-1);
    char32_t next = kFirstShifted;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t c = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
      bytes[c] = static_cast<int16_t>(byte);
      if (c < 0x80) {
        symbols[byte] = {static_cast<char>(c)};
      } else {
        symbols[byte] = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
      }
    }
  }
};

const ByteMap& byte_map() {
  static const ByteMap map;
  return map;
}

}  // namespace

const std::string& byte_symbol(uint8_t byte) { return byte_map().symbols[byte]; }

std::string to_symbols(std::string_view bytes) {
  std::string symbols;
  symbols.reserve(bytes.size());
  for (const char c : bytes) symbols += byte_symbol(static_cast<uint8_t>(c));
  return symbols;
}

std::optional<std::string> from_symbols(std::string_view symbols) {
  const ByteMap& map = byte_map();
  std::string bytes;
  bytes.reserve(symbols.size());
  while (!symbols.empty()) {
    const Utf8Char c = decode_utf8(symbols);
    if (!c.valid || c.code_point >= kNumSymbols || map.bytes[c.code_point] < 0) return std::nullopt;
    bytes += static_cast<char>(map.bytes[c.code_point]);
    symbols.remove_prefix(c.length);
  }
  return bytes;
}

}  // namespace modr
