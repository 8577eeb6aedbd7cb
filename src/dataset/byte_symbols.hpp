#pragma once
// GPT-2's byte map: every byte is written as one printable character, so that a vocabulary is readable text.
// Printable Latin-1 bytes stand for themselves; the other 68 become U+0100, U+0101, ... in order (space: U+0120 "Ġ").
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modr {

/// The character (in UTF-8) that stands for one byte.
const std::string& byte_symbol(uint8_t byte);

/// Bytes to symbols, one character a byte.
std::string to_symbols(std::string_view bytes);

/// Symbols to bytes; nullopt when some character stands for no byte.
std::optional<std::string> from_symbols(std::string_view symbols);

}  // namespace modr
