#include "checkpoint/fletcher32.hpp"

#include <gtest/gtest.h>

#include <span>
#include <string_view>
#include <vector>

#include "base/philox.hpp"

namespace modr {
namespace {

// Word for word, as the definition has it.
uint32_t plain_fletcher32(const std::vector<std::byte>& bytes) {
  uint64_t first = 0, second = 0;
  const auto fold = [](uint64_t sum) { return (sum & 0xffff) + (sum >> 16); };
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    first = fold(first + (std::to_integer<uint64_t>(bytes[i]) << 8 | std::to_integer<uint64_t>(bytes[i + 1])));
    second = fold(second + first);
  }
  return static_cast<uint32_t>(fold(second) << 16 | fold(first));
}

TEST(Fletcher32, IsThatOfTheDefinition) {
  PhiloxSequence random(3, RandomStream::init);
  for (std::size_t size = 0; size < 2100; size += 2) {
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(static_cast<int>(100 * random.normal()));
    EXPECT_EQ(fletcher32(bytes), plain_fletcher32(bytes)) << size << " bytes";
  }
}

TEST(Fletcher32, HoldsAtTheLargestSums) {
  for (const std::size_t size : {2U, 512U, 514U, 720U, 1U << 20}) {
    const std::vector<std::byte> ones(size, std::byte{0xff}), zeros(size);
    EXPECT_EQ(fletcher32(ones), plain_fletcher32(ones)) << size << " bytes";
    EXPECT_EQ(fletcher32(ones), 0xffffffffU) << "65535, not 0, for a sum that is not 0";
    EXPECT_EQ(fletcher32(zeros), 0U);
  }
}

TEST(Fletcher32, HasTheValuesOfHdf5) {
  // What h5py 3.16 stores behind a chunk of these bytes.
  const auto sum_of = [](std::string_view text) { return fletcher32(std::as_bytes(std::span(text))); };
  EXPECT_EQ(sum_of("ab"), 0x61626162U);
  EXPECT_EQ(sum_of("abcdef"), 0x50562a2dU);
  EXPECT_EQ(sum_of("modr writes checkpoints!"), 0x20fad183U);
}

}  // namespace
}  // namespace modr
