#include "checkpoint/fletcher32.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/error.hpp"

namespace modr {

namespace {

constexpr std::size_t kBlock = 256;  // words: their weighted sum stays below 2^32

// Modulo 65535 with 1 to 65535 for sums that are not 0, as repeated folding gives it.
uint64_t fold(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

}  // namespace

// The second sum is that of the first after every word: word i of n counts n - i times. Written so, blocks vectorise.
uint32_t fletcher32(std::span<const std::byte> bytes) {
  MODR_CHECK(bytes.size() % 2 == 0, "{} bytes", bytes.size());
  static_assert(std::endian::native == std::endian::little);
  uint64_t first = 0, second = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2 * kBlock) {
    std::array<uint16_t, kBlock> words{};
    const std::size_t count = std::min(kBlock, (bytes.size() - at) / 2);
    std::memcpy(words.data(), bytes.data() + at, 2 * count);
    uint32_t sum = 0, weighted = 0;
    for (uint32_t i = 0; i < kBlock; ++i) {
      const uint32_t word = static_cast<uint16_t>((words[i] << 8) | (words[i] >> 8));
      sum += word;
      weighted += (static_cast<uint32_t>(kBlock) - i) * word;
    }
    // A short block's words counted kBlock - count times too often.
    second = fold(second + count * first + weighted - static_cast<uint64_t>(kBlock - count) * sum);
    first = fold(first + sum);
  }
  return static_cast<uint32_t>((second << 16) | first);
}

}  // namespace modr
