#pragma once
// A 128-bit hash of what a checkpoint's tensors hold, the same however they are stored, chunked or spread over ranks.
//
// With mix() the finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA
// 2014), a bijection of 64-bit words, each of two lanes L (which differ in a constant c_L) is, modulo 2^64:
//   values(tensor) = sum over i of mix(mix(i + c_L) ^ bits(value i)),  i the row-major index, bits() as stored
//   header(tensor) = the bytes of the name, 0, those of the type ("f32"), 0, and the sizes, folded as h = mix(h ^ x)
//                    from h = c_L
//   digest         = sum over tensors of mix(header + values)
// Sums can be taken over any parts in any order. A change of a single value always changes a digest; any other change
// goes unseen with probability 2^-128. It is no protection against intent.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tensor/tensor.hpp"

namespace modr {

/// values(tensor) in both lanes, of all of its values or of some: those of parts are added.
struct ValueSums {
  std::array<uint64_t, 2> lanes{0, 0};

  ValueSums& operator+=(const ValueSums& other);
  bool operator==(const ValueSums&) const = default;
};

struct Digest {
  std::array<uint64_t, 2> lanes{0, 0};

  Digest& operator+=(const Digest& other);
  bool operator==(const Digest&) const = default;
  /// 32 hexadecimal digits.
  std::string hex() const;
};

/// The sums of consecutive values of a tensor, as stored, of which the first has row-major index `first`.
ValueSums sums_of(DType dtype, std::span<const std::byte> values, int64_t first);

/// The digest of one tensor from the sums of all of its values; those of several are added. `type` is the name of the
/// type that it is stored in.
Digest digest_of(std::string_view name, std::string_view type, const Shape& shape, const ValueSums& sums);
Digest digest_of(std::string_view name, std::string_view type, const Tensor& tensor);

}  // namespace modr
