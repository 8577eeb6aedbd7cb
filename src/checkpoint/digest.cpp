#include "checkpoint/digest.hpp"

#include <fmt/format.h>

#include <bit>
#include <span>
#include <type_traits>

namespace modr {

namespace {

constexpr uint64_t kLaneConstants[2] = {0x9e3779b97f4a7c15U, 0xd1b54a32d192ed03U};

constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

uint64_t header(uint64_t lane, std::string_view name, std::string_view type, const Shape& shape) {
  uint64_t h = lane;
  for (const std::string_view text : {name, type}) {
    for (const char c : text) h = mix(h ^ static_cast<unsigned char>(c));
    h = mix(h);
  }
  for (const int64_t size : shape.dims()) h = mix(h ^ static_cast<uint64_t>(size));
  return h;
}

template <typename T>
uint64_t sum_values(uint64_t lane, std::span<const T> values) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += mix(mix(i + lane) ^ std::bit_cast<Bits>(values[i]));
  return sum;
}

}  // namespace

Digest& Digest::operator+=(const Digest& other) {
  for (int lane = 0; lane < 2; ++lane) lanes[lane] += other.lanes[lane];
  return *this;
}

std::string Digest::hex() const { return fmt::format("{:016x}{:016x}", lanes[0], lanes[1]); }

Digest digest_of(std::string_view name, std::string_view type, const Tensor& tensor) {
  const Tensor values = tensor.contiguous();
  Digest result;
  for (int lane = 0; lane < 2; ++lane) {
    const uint64_t constant = kLaneConstants[lane];
    const uint64_t sum =
        dispatch_exact(values.dtype(), [&]<typename T>() { return sum_values<T>(constant, values.span<T>()); });
    result.lanes[lane] = mix(header(constant, name, type, values.shape()) + sum);
  }
  return result;
}

}  // namespace modr
