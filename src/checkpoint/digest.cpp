#include "checkpoint/digest.hpp"

#include <fmt/format.h>

#include <bit>
#include <span>
#include <type_traits>

#include "base/hash.hpp"
#include "tensor/tensor_bytes.hpp"

namespace modr {

namespace {

constexpr std::array<uint64_t, 2> kLaneConstants{0x9e3779b97f4a7c15U, 0xd1b54a32d192ed03U};

uint64_t header(uint64_t lane, std::string_view name, std::string_view type, const Shape& shape) {
  uint64_t h = lane;
  for (const std::string_view text : {name, type}) {
    for (const char c : text) h = mix(h ^ static_cast<unsigned char>(c));
    h = mix(h);
  }
  for (const int64_t size : shape.dims()) h = mix(h ^ static_cast<uint64_t>(size));
  return h;
}

template <std::size_t bytes>
using BitsOf = std::conditional_t<bytes == 2, uint16_t, std::conditional_t<bytes == 4, uint32_t, uint64_t>>;

template <typename T>
ValueSums sum_values(const T* values, std::size_t count, uint64_t first) {
  ValueSums result;
  for (std::size_t lane = 0; lane < 2; ++lane) {
    const uint64_t start = first + kLaneConstants[lane];
    uint64_t sum = 0;
    for (std::size_t i = 0; i < count; ++i)
      sum += mix(mix(i + start) ^ std::bit_cast<BitsOf<sizeof(T)>>(values[i]));
    result.lanes[lane] = sum;
  }
  return result;
}

template <typename Sums>
void add_lanes(Sums& sums, const Sums& other) {
  for (std::size_t lane = 0; lane < 2; ++lane) sums.lanes[lane] += other.lanes[lane];
}

}  // namespace

ValueSums& ValueSums::operator+=(const ValueSums& other) {
  add_lanes(*this, other);
  return *this;
}

Digest& Digest::operator+=(const Digest& other) {
  add_lanes(*this, other);
  return *this;
}

std::string Digest::hex() const { return fmt::format("{:016x}{:016x}", lanes[0], lanes[1]); }

ValueSums sums_of(DType dtype, std::span<const std::byte> values, int64_t first) {
  return visit_dtype(dtype, [&]<typename T>() {
    return sum_values(reinterpret_cast<const T*>(values.data()), values.size() / sizeof(T),
                      static_cast<uint64_t>(first));
  });
}

Digest digest_of(std::string_view name, std::string_view type, const Shape& shape, const ValueSums& sums) {
  Digest result;
  for (std::size_t lane = 0; lane < 2; ++lane)
    result.lanes[lane] = mix(header(kLaneConstants[lane], name, type, shape) + sums.lanes[lane]);
  return result;
}

Digest digest_of(std::string_view name, std::string_view type, const Tensor& tensor) {
  const Tensor values = tensor.contiguous().to(cpu_device);
  return digest_of(name, type, values.shape(), sums_of(values.dtype(), bytes_of(values), 0));
}

}  // namespace modr
