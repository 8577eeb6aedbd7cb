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
#include <cstdint>
#include <string>
#include <string_view>

#include "tensor/tensor.hpp"

namespace modr {

struct Digest {
  uint64_t lanes[2] = {0, 0};

  Digest& operator+=(const Digest& other);
  bool operator==(const Digest&) const = default;
  /// 32 hexadecimal digits.
  std::string hex() const;
};

/// The digest of one tensor; those of several are added. `type` is the name of the type that it is stored in.
Digest digest_of(std::string_view name, std::string_view type, const Tensor& tensor);

}  // namespace modr
