#pragma once
#include <cstdint>
#include <string_view>

namespace modr {

/// FNV-1a, 64 bits: the same number for the same text everywhere.
constexpr uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace modr
