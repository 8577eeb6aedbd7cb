#include "checkpoint/digest.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "support/random_tensor.hpp"

namespace modr {
namespace {

using testing::random_tensor;

uint64_t plain_mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

TEST(Digest, IsThatOfItsDefinition) {
  const Tensor tensor = random_tensor({3, 5}, DType::f32);
  const uint64_t constants[] = {0x9e3779b97f4a7c15U, 0xd1b54a32d192ed03U};
  Digest expected;
  for (std::size_t lane = 0; lane < 2; ++lane) {
    uint64_t header = constants[lane], sum = 0;
    for (const char c : std::string("w") + '\0' + "f32" + '\0') header = plain_mix(header ^ static_cast<uint64_t>(c));
    for (const uint64_t size : {3U, 5U}) header = plain_mix(header ^ size);
    for (uint64_t i = 0; i < 15; ++i) {
      uint32_t bits = 0;
      std::memcpy(&bits, tensor.data<float>() + i, 4);
      sum += plain_mix(plain_mix(i + constants[lane]) ^ bits);
    }
    expected.lanes[lane] = plain_mix(header + sum);
  }
  EXPECT_EQ(digest_of("w", "f32", tensor), expected);
}

TEST(Digest, AddsUpFromAnyParts) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    const Tensor whole = random_tensor({97, 31}, dtype);
    const auto bytes = visit_dtype(dtype, [&]<typename T>() { return std::as_bytes(whole.span<T>()); });
    ValueSums sums;
    for (int64_t row = 96; row >= 0; row -= 1) {
      const std::size_t of_row = 31 * size_of(dtype);
      sums += sums_of(dtype, bytes.subspan(static_cast<std::size_t>(row) * of_row, of_row), 31 * row);
    }
    EXPECT_EQ(digest_of("w", name_of(dtype), whole.shape(), sums), digest_of("w", name_of(dtype), whole));
  }
}

TEST(Digest, SeesNamesTypesShapesAndPlaces) {
  const Tensor tensor = random_tensor({4, 6}, DType::f32);
  const Digest digest = digest_of("w", "f32", tensor);
  EXPECT_NE(digest, digest_of("v", "f32", tensor));
  EXPECT_NE(digest, digest_of("w", "f64", tensor));
  EXPECT_NE(digest, digest_of("w", "f32", tensor.view({6, 4})));
  const Tensor swapped = tensor.clone();
  std::swap(swapped.span<float>()[3], swapped.span<float>()[17]);
  EXPECT_NE(digest, digest_of("w", "f32", swapped));
  const Tensor negated = tensor.clone();
  negated.span<float>()[0] = -negated.span<float>()[0];
  EXPECT_NE(digest, digest_of("w", "f32", negated));
}

}  // namespace
}  // namespace modr
