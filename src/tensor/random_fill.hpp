#pragma once
// Random values of a tensor, drawn by all threads: which one draws a value does not change it.
#include <cstdint>

#include "base/philox.hpp"
#include "tensor/tensor.hpp"

namespace modr {

/// bound * x, x uniform in (-1, 1), for all values of a contiguous tensor of an exact type: draws `first`, `first` + 1, …
/// of the stream, as PhiloxSequence::uniform() makes them.
void fill_uniform(const Tensor& tensor, const PhiloxStream& stream, int64_t first, double bound);

/// std * x, x normal with |x| <= limit, for all values of a contiguous tensor of an exact type: what
/// PhiloxSequence::truncated_normal(limit) gives from the stream's block `first` on. Returns the block to go on from.
int64_t fill_truncated_normal(const Tensor& tensor, const PhiloxStream& stream, int64_t first, double std, double limit);

}  // namespace modr
