#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace modr {

/// FNV-1a, 64 bits: the same number for the same text everywhere.
constexpr uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
  return hash;
}

/// A bijection of 64-bit words, in which each bit depends on all: the finaliser of SplitMix64 (Steele, Lea & Flood,
/// "Fast splittable pseudorandom number generators", OOPSLA 2014).
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// A running 64-bit hash of words in order. It tells apart what differs by accident, not by intent.
class WordHash {
 public:
  constexpr void add(uint64_t word) { state_ = mix(state_ ^ word) + 0x9e3779b97f4a7c15ULL; }
  constexpr uint64_t value() const { return state_; }

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15ULL;
};

/// WordHash of a file's bytes and their number, as 16 hexadecimal digits. Throws Error when it cannot be read.
std::string hash_of_file(const std::filesystem::path& path);

}  // namespace modr
